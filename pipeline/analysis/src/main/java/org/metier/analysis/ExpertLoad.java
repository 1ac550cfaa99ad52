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
 * A row of {@code expert_load}: how much of the held-out text one expert of one layer handles. Null
 * experts have the numbers after the others and no gate mass.
 *
 * @param tokens c_E
 * @param share c_E / Σ c; 1/E when the load is even
 * @param gateMass sum of the gate weights of these tokens
 * @param dropped tokens among them that a capacity limit turned away; 0 without such a limit
 */
public record ExpertLoad(
    int layer, int expert, long tokens, double share, double gateMass, long dropped) {

  public static final String TABLE = "expert_load";

  public static final StructType SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("expert", IntegerType, false)
          .add("tokens", LongType, false)
          .add("share", DoubleType, false)
          .add("gate_mass", DoubleType, false)
          .add("dropped", LongType, false);

  static List<ExpertLoad> of(LayerRouting routing) {
    long[] expertTotals = routing.expertTotals();
    double choices = (double) routing.topK * routing.totalTokens;
    List<ExpertLoad> rows = new ArrayList<>();
    for (int e = 0; e < routing.numExperts; e++) {
      double gateMass = 0;
      long dropped = 0;
      for (int d = 0; d < routing.numDomains(); d++) {
        gateMass += routing.domainGateMass[d][e];
        dropped += routing.dropped(d, e);
      }
      rows.add(
          new ExpertLoad(
              routing.layer, e, expertTotals[e], expertTotals[e] / choices, gateMass, dropped));
    }
    return rows;
  }

  Row toRow() {
    return RowFactory.create(layer, expert, tokens, share, gateMass, dropped);
  }

  static ExpertLoad of(Row row) {
    return new ExpertLoad(
        row.getInt(0),
        row.getInt(1),
        row.getLong(2),
        row.getDouble(3),
        row.getDouble(4),
        row.getLong(5));
  }
}
