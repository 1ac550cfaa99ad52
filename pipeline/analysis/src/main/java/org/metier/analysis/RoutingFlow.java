package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * The table {@code routing_flow}: to which experts of the next layer the tokens of an expert go, by
 * domain and for {@link RoutingSchema#ALL_DOMAINS}. Every token makes k·k ways; ways without a
 * token have no row.
 *
 * <ul>
 *   <li>{@code tokens}: that chose {@code expert} in {@code layer} and {@code next_expert} in the
 *       next one
 *   <li>{@code share}: of the expert's ways in this domain; sums to 1 over {@code next_expert}
 *   <li>{@code lift}: share / the next expert's share of the domain's choices; 1 if the next layer
 *       does not care where a token comes from
 * </ul>
 */
public final class RoutingFlow {
  public static final String TABLE = "routing_flow";

  public static final StructType SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("expert", IntegerType, false)
          .add("next_expert", IntegerType, false)
          .add("domain", StringType, false)
          .add("tokens", LongType, false)
          .add("share", DoubleType, false)
          .add("lift", DoubleType, false);

  private RoutingFlow() {}

  /** One way. */
  private record Way(int layer, int expert, int next, String domain) implements Comparable<Way> {
    @Override
    public int compareTo(Way other) {
      int byLayer = Integer.compare(layer, other.layer);
      int byExpert = byLayer != 0 ? byLayer : Integer.compare(expert, other.expert);
      int byNext = byExpert != 0 ? byExpert : Integer.compare(next, other.next);
      return byNext != 0 ? byNext : domain.compareTo(other.domain);
    }
  }

  /** An expert of a layer in one domain. */
  private record Place(int layer, int expert, String domain) {}

  /**
   * Rows by layer, expert, next expert and domain.
   *
   * @param flowCounts {@link RoutingSchema#FLOW_COUNTS}
   * @param tables of the same evaluation
   */
  public static List<Row> rows(List<Row> flowCounts, Tables tables) {
    Map<Way, Long> ways = new TreeMap<>();
    Map<Place, Long> totals = new HashMap<>();
    for (Row row : flowCounts) {
      for (String domain : List.of(row.getString(3), RoutingSchema.ALL_DOMAINS)) {
        ways.merge(
            new Way(row.getInt(0), row.getInt(1), row.getInt(2), domain),
            row.getLong(4),
            Long::sum);
        totals.merge(new Place(row.getInt(0), row.getInt(1), domain), row.getLong(4), Long::sum);
      }
    }
    Map<Place, Double> shares = shares(tables);
    List<Row> rows = new ArrayList<>(ways.size());
    ways.forEach(
        (way, tokens) -> {
          double share = (double) tokens / totals.get(new Place(way.layer, way.expert, way.domain));
          double expected = shares.get(new Place(way.layer + 1, way.next, way.domain));
          rows.add(
              RowFactory.create(
                  way.layer, way.expert, way.next, way.domain, tokens, share, share / expected));
        });
    return rows;
  }

  private static Map<Place, Double> shares(Tables tables) {
    Map<Place, Double> shares = new HashMap<>();
    for (ExpertDomain row : tables.expertDomain()) {
      shares.put(new Place(row.layer(), row.expert(), row.domain()), row.share());
    }
    for (ExpertLoad row : tables.expertLoad()) {
      shares.put(new Place(row.layer(), row.expert(), RoutingSchema.ALL_DOMAINS), row.share());
    }
    return shares;
  }
}
