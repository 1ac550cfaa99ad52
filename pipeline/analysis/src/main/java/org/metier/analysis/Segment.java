package org.metier.analysis;

import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.Row;

/**
 * One row of {@code sequence_routing} without its layer. A class and not a record, because Kryo,
 * which a Spark session may use for its shuffles, cannot read records back.
 */
final class Segment implements Serializable {
  private static final long serialVersionUID = 1L;

  final long sequence;
  final String domain;
  final long tokens;

  /** [E] tokens that each expert received. */
  final long[] expertTokens;

  /** [E] sum of their gate weights. */
  final double[] gateMass;

  final double scoreSum;

  /** [n] tokens that each expert turned away; null experts have none. */
  final long[] dropped;

  /** [C·E] tokens that each expert received of each class. */
  final long[] classTokens;

  Segment(
      long sequence,
      String domain,
      long tokens,
      long[] expertTokens,
      double[] gateMass,
      double scoreSum,
      long[] dropped,
      long[] classTokens) {
    this.sequence = sequence;
    this.domain = domain;
    this.tokens = tokens;
    this.expertTokens = expertTokens;
    this.gateMass = gateMass;
    this.scoreSum = scoreSum;
    this.dropped = dropped;
    this.classTokens = classTokens;
  }

  /** From a row in the order of {@link RoutingSchema#SEQUENCE_ROUTING}. */
  static Segment of(Row row) {
    List<Double> mass = row.getList(5);
    double[] gateMass = new double[mass.size()];
    for (int e = 0; e < gateMass.length; e++) {
      gateMass[e] = mass.get(e);
    }
    return new Segment(
        row.getLong(0),
        row.getString(1),
        row.getLong(3),
        longs(row.getList(4)),
        gateMass,
        row.getDouble(6),
        longs(row.getList(7)),
        longs(row.getList(8)));
  }

  private static long[] longs(List<Long> list) {
    long[] values = new long[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = list.get(i);
    }
    return values;
  }
}
