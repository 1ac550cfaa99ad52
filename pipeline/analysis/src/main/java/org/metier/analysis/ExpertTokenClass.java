package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * A row of {@code expert_token_class}: what one expert of one layer is to one class of tokens; the
 * syntactic control beside {@link ExpertDomain}.
 *
 * @param tokens tokens of the class that reach the expert
 * @param share q_{E|c}: part of the class's choices that fall on the expert; sums to 1 over them
 * @param lift share / q_E; 0 for an expert without tokens
 * @param ciLow lower end of the 95 % interval of {@code share}, {@link RatioInterval} over
 *     sequences
 * @param ciHigh upper end
 */
public record ExpertTokenClass(
    int layer,
    int expert,
    String tokenClass,
    long tokens,
    double share,
    double lift,
    double ciLow,
    double ciHigh) {

  public static final String TABLE = "expert_token_class";

  public static final StructType SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("expert", IntegerType, false)
          .add("token_class", StringType, false)
          .add("tokens", LongType, false)
          .add("share", DoubleType, false)
          .add("lift", DoubleType, false)
          .add("ci_low", DoubleType, false)
          .add("ci_high", DoubleType, false);

  /**
   * @param names of the C classes; those without a token have no rows
   */
  static List<ExpertTokenClass> of(LayerRouting routing, List<String> names) {
    if (names.size() != routing.numClasses) {
      throw new IllegalArgumentException(
          "class_tokens are of %d classes, there are %d names"
              .formatted(routing.numClasses, names.size()));
    }
    long[][] counts = ClassInformation.classCounts(routing);
    long[] expertTotals = routing.expertTotals();
    double choices = (double) routing.topK * routing.totalTokens;
    List<ExpertTokenClass> rows = new ArrayList<>();
    for (int e = 0; e < routing.numExperts; e++) {
      for (int c = 0; c < routing.numClasses; c++) {
        RatioInterval interval = interval(routing, c, e);
        if (interval.isDefined()) {
          double marginal = expertTotals[e] / choices;
          rows.add(
              new ExpertTokenClass(
                  routing.layer,
                  e,
                  names.get(c),
                  counts[c][e],
                  interval.ratio(),
                  expertTotals[e] == 0 ? 0 : interval.ratio() / marginal,
                  Math.max(0, interval.low()),
                  Math.min(1, interval.high())));
        }
      }
    }
    return rows;
  }

  /** Of the class's choices in each sequence, those that fall on the expert. */
  private static RatioInterval interval(LayerRouting routing, int c, int e) {
    int numExperts = routing.numExperts;
    RatioInterval.Sums sums = new RatioInterval.Sums();
    int from = 0;
    while (from < routing.sequence.length) {
      long part = 0;
      long whole = 0;
      int s = from;
      for (; s < routing.sequence.length && routing.sequence[s] == routing.sequence[from]; s++) {
        for (int i = 0; i < numExperts; i++) {
          whole += routing.classTokens[s][c * numExperts + i];
        }
        part += routing.classTokens[s][c * numExperts + e];
      }
      sums.add(part, whole);
      from = s;
    }
    return sums.interval();
  }

  Row toRow() {
    return RowFactory.create(layer, expert, tokenClass, tokens, share, lift, ciLow, ciHigh);
  }

  static ExpertTokenClass of(Row row) {
    return new ExpertTokenClass(
        row.getInt(0),
        row.getInt(1),
        row.getString(2),
        row.getLong(3),
        row.getDouble(4),
        row.getDouble(5),
        row.getDouble(6),
        row.getDouble(7));
  }
}
