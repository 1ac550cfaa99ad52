package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.HashPartitioner;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;
import scala.Tuple2;

/**
 * The tables {@code vocabulary} and {@code vocabulary_summary}: which tokens an expert is the first
 * choice for (OLMoE, arXiv 2409.02060, Eq. 8, with k = 1 as there).
 *
 * <p>{@code vocabulary} is bounded: of each layer, kind and expert it lists the tokens that are
 * most its own, at most {@code analyze.vocabularyTokens}, and one row with the exact totals of all
 * others (token −1, rank 0), so that its counts add up to all positions.
 *
 * <ul>
 *   <li>{@code rank}: by tokens · ln(lift), which is what a token adds to the information about the
 *       expert; listed are tokens with a lift above 1 that occur {@value #FREQUENT} times or more
 *   <li>{@code tokens}: N_xE, positions with this token whose first choice is the expert
 *   <li>{@code occurrences}: N_x, positions with this token
 *   <li>{@code share}: Voc(E, x) = N_xE / N_x; over the experts it sums to 1
 *   <li>{@code lift}: share / the expert's share of all first choices
 * </ul>
 *
 * <p>{@code vocabulary_summary} has a row per layer and kind: {@code score}, the mean over token
 * ids of max_E Voc(E, x), over the {@code ids} that occur and over the {@code frequent_ids} that do
 * so {@value #FREQUENT} times or more. A rare id has a high maximum by chance alone, so beside each
 * stands {@code …_shuffled}: the same for the same ids whose first choices are drawn from the
 * layer's own shares.
 */
public final class Vocabulary {
  public static final String TABLE = "vocabulary";
  public static final String SUMMARY_TABLE = "vocabulary_summary";

  /** Occurrences from which a token is listed, as in the paper. */
  static final int FREQUENT = 10;

  public static final StructType SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("expert", IntegerType, false)
          .add("kind", StringType, false)
          .add("rank", IntegerType, false)
          .add("token", IntegerType, false)
          .add("text", StringType, false)
          .add("tokens", LongType, false)
          .add("occurrences", LongType, false)
          .add("share", DoubleType, false)
          .add("lift", DoubleType, false);

  public static final StructType SUMMARY_SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("kind", StringType, false)
          .add("ids", LongType, false)
          .add("score", DoubleType, false)
          .add("score_shuffled", DoubleType, false)
          .add("frequent_ids", LongType, false)
          .add("frequent_score", DoubleType, false)
          .add("frequent_score_shuffled", DoubleType, false);

  private final List<Row> rows;
  private final List<Row> summary;

  private Vocabulary(List<Row> rows, List<Row> summary) {
    this.rows = List.copyOf(rows);
    this.summary = List.copyOf(summary);
  }

  /** By layer, expert, kind and rank. */
  public List<Row> rows() {
    return rows;
  }

  /** By layer and kind. */
  public List<Row> summary() {
    return summary;
  }

  /**
   * Each layer and kind is one task's.
   *
   * @param counts {@link RoutingSchema#VOCABULARY_COUNTS}
   * @param vocabulary {@link RoutingSchema#VOCABULARY}
   * @param numExperts E
   */
  public static Vocabulary of(
      Dataset<Row> counts, Dataset<Row> vocabulary, int numExperts, AnalyzeConfig config) {
    Map<Integer, String> texts = new HashMap<>();
    for (Row row :
        RoutingSchema.conform("vocabulary", vocabulary, RoutingSchema.VOCABULARY).collectAsList()) {
      texts.put(row.getInt(0), row.getString(1));
    }
    int partitions = counts.sparkSession().sparkContext().defaultParallelism();
    List<FirstChoices.Result> results =
        RoutingSchema.conform("vocabulary_counts", counts, RoutingSchema.VOCABULARY_COUNTS)
            .toJavaRDD()
            .mapToPair(
                row ->
                    new Tuple2<>(
                        row.getInt(0) + " " + row.getString(1),
                        new long[] {row.getInt(2), row.getInt(3), row.getLong(4)}))
            .groupByKey(new HashPartitioner(partitions))
            .map(group -> FirstChoices.of(group._1(), group._2(), numExperts).result(config))
            .collect();
    List<Row> rows = new ArrayList<>();
    List<Row> summary = new ArrayList<>();
    for (FirstChoices.Result result : results) {
      summary.add(result.summary());
      for (Row row : result.rows()) {
        Object[] values = new Object[row.size()];
        for (int i = 0; i < values.length; i++) {
          values[i] = row.get(i);
        }
        values[5] = texts.getOrDefault(row.getInt(4), "");
        rows.add(RowFactory.create(values));
      }
    }
    rows.sort(
        Comparator.<Row>comparingInt(row -> row.getInt(0))
            .thenComparingInt(row -> row.getInt(1))
            .thenComparing(row -> row.getString(2))
            .thenComparingInt(row -> row.getInt(3)));
    summary.sort(
        Comparator.<Row>comparingInt(row -> row.getInt(0)).thenComparing(row -> row.getString(1)));
    return new Vocabulary(rows, summary);
  }
}
