package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * The table {@code coactivation}: which experts of a layer serve the same tokens (OLMoE, arXiv
 * 2409.02060, Eq. 6), for all ordered pairs a ≠ b, not only for pairs that are neighbours in rank.
 *
 * <ul>
 *   <li>{@code tokens}: N_ab, tokens whose k experts include both
 *   <li>{@code probability}: Co(a, b) = N_ab / N_a; sums to k − 1 over b; 0 if a has no tokens
 *   <li>{@code lift}: N_ab · N / (N_a · N_b), N all tokens; 0 if either has none. Choices without
 *       replacement avoid each other a little: random routing gives E(k−1) / (k(E−1)), below 1
 *   <li>{@code chance}: (k−1) / (E−1), the probability under random routing with even load
 * </ul>
 */
public final class Coactivation {
  public static final String TABLE = "coactivation";

  public static final StructType SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("expert_a", IntegerType, false)
          .add("expert_b", IntegerType, false)
          .add("tokens", LongType, false)
          .add("probability", DoubleType, false)
          .add("lift", DoubleType, false)
          .add("chance", DoubleType, false);

  private Coactivation() {}

  /**
   * Rows by layer, a and b.
   *
   * @param pairCounts {@link RoutingSchema#PAIR_COUNTS}
   * @param tables of the same evaluation
   */
  public static List<Row> rows(List<Row> pairCounts, Tables tables) {
    List<Row> rows = new ArrayList<>();
    for (LayerSummary layer : tables.layerSummary()) {
      long[] tokens = tables.expertTokens(layer.layer());
      long[][] joint = new long[tokens.length][tokens.length]; // null experts are columns, too
      for (Row pair : pairCounts) {
        if (pair.getInt(0) == layer.layer()) {
          joint[pair.getInt(1)][pair.getInt(2)] += pair.getLong(3);
          joint[pair.getInt(2)][pair.getInt(1)] += pair.getLong(3);
        }
      }
      addRows(rows, layer, joint, tokens);
    }
    return rows;
  }

  private static void addRows(List<Row> rows, LayerSummary layer, long[][] joint, long[] tokens) {
    int numExperts = tokens.length;
    double chance = numExperts == 1 ? 0 : (layer.topK() - 1.0) / (numExperts - 1);
    for (int a = 0; a < numExperts; a++) {
      for (int b = 0; b < numExperts; b++) {
        if (a != b) {
          long both = joint[a][b];
          double expected = (double) tokens[a] * tokens[b] / layer.tokens();
          rows.add(
              RowFactory.create(
                  layer.layer(),
                  a,
                  b,
                  both,
                  tokens[a] == 0 ? 0.0 : (double) both / tokens[a],
                  expected == 0 ? 0.0 : both / expected,
                  chance));
        }
      }
    }
  }
}
