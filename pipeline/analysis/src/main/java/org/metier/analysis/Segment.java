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

  Segment(
      long sequence,
      String domain,
      long tokens,
      long[] expertTokens,
      double[] gateMass,
      double scoreSum,
      long[] dropped) {
    this.sequence = sequence;
    this.domain = domain;
    this.tokens = tokens;
    this.expertTokens = expertTokens;
    this.gateMass = gateMass;
    this.scoreSum = scoreSum;
    this.dropped = dropped;
  }

  /** From a row in the order of {@link RoutingSchema#SEQUENCE_ROUTING}. */
  static Segment of(Row row) {
    List<Long> tokens = row.getList(4);
    List<Double> mass = row.getList(5);
    long[] expertTokens = new long[tokens.size()];
    double[] gateMass = new double[mass.size()];
    for (int e = 0; e < expertTokens.length; e++) {
      expertTokens[e] = tokens.get(e);
    }
    for (int e = 0; e < gateMass.length; e++) {
      gateMass[e] = mass.get(e);
    }
    List<Long> turnedAway = row.getList(row.fieldIndex("dropped"));
    long[] dropped = turnedAway.stream().mapToLong(Long::longValue).toArray();
    return new Segment(
        row.getLong(0),
        row.getString(1),
        row.getLong(3),
        expertTokens,
        gateMass,
        row.getDouble(6),
        dropped);
  }
}
