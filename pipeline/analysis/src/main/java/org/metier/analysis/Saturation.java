package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * The table {@code saturation}: how much of the analysed checkpoint's routing another checkpoint of
 * the run had already, and how specialised that one was (OLMoE, arXiv 2409.02060, Eq. 5).
 *
 * <ul>
 *   <li>{@code checkpoint_step}: optimiser steps of the other checkpoint
 *   <li>{@code k}: how many of a token's first choices are compared, 1 to topK; order is ignored
 *   <li>{@code overlap}: (1/N) Σ_x |𝓔_x ∩ 𝓔'_x| / k; 1 = the same experts for every token
 *   <li>{@code ci_low}, {@code ci_high}: 95 % interval over sequences, {@link RatioInterval}
 *   <li>{@code chance}: k / E, of two routers that know nothing of each other
 *   <li>{@code mutual_information}, {@code mutual_information_corrected}: of domain and expert in
 *       the other checkpoint with all its choices, bits, {@link MutualInformation}; the same for
 *       every k
 * </ul>
 */
public final class Saturation {
  public static final String TABLE = "saturation";

  public static final StructType SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("checkpoint_step", LongType, false)
          .add("k", IntegerType, false)
          .add("tokens", LongType, false)
          .add("overlap", DoubleType, false)
          .add("ci_low", DoubleType, false)
          .add("ci_high", DoubleType, false)
          .add("chance", DoubleType, false)
          .add("mutual_information", DoubleType, false)
          .add("mutual_information_corrected", DoubleType, false);

  /**
   * Sums of what two checkpoints have in common: with o the size of the common part of a token's
   * first k choices, summed over a sequence, {@code overlap} is Σ o and {@code overlap_squares} Σ
   * o² over the sequences, which all have as many tokens.
   */
  public static final StructType OVERLAP =
      new StructType()
          .add("checkpoint_step", LongType, false)
          .add("layer", IntegerType, false)
          .add("k", IntegerType, false)
          .add("tokens", LongType, false)
          .add("sequences", LongType, false)
          .add("overlap", LongType, false)
          .add("overlap_squares", LongType, false);

  /** The other checkpoint's choices; cells without a token may be left out. */
  public static final StructType CHOICES =
      new StructType()
          .add("checkpoint_step", LongType, false)
          .add("layer", IntegerType, false)
          .add("domain", StringType, false)
          .add("expert", IntegerType, false)
          .add("tokens", LongType, false);

  private Saturation() {}

  /** A layer of a checkpoint. */
  private record Place(long step, int layer) {}

  /**
   * Rows in the order of {@code overlap}.
   *
   * @param overlap in the order of {@link #OVERLAP}
   * @param choices in the order of {@link #CHOICES}
   * @param numExperts E
   */
  public static List<Row> rows(List<Row> overlap, List<Row> choices, int numExperts) {
    TreeMap<String, Integer> domains = new TreeMap<>();
    for (Row row : choices) {
      domains.computeIfAbsent(row.getString(2), name -> domains.size());
    }
    java.util.Map<Place, long[][]> counts = new java.util.HashMap<>();
    for (Row row : choices) {
      counts
              .computeIfAbsent(
                  new Place(row.getLong(0), row.getInt(1)),
                  place -> new long[domains.size()][numExperts])[domains.get(row.getString(2))][
              row.getInt(3)] +=
          row.getLong(4);
    }
    List<Row> rows = new ArrayList<>();
    for (Row row : overlap) {
      long[][] ofPlace = counts.get(new Place(row.getLong(0), row.getInt(1)));
      double information = MutualInformation.bits(ofPlace);
      RatioInterval interval = interval(row);
      rows.add(
          RowFactory.create(
              row.getInt(1),
              row.getLong(0),
              row.getInt(2),
              row.getLong(3),
              interval.ratio(),
              Math.max(0, interval.low()),
              Math.min(1, interval.high()),
              (double) row.getInt(2) / numExperts,
              information,
              information - MutualInformation.millerMadowBias(ofPlace)));
    }
    return rows;
  }

  private static RatioInterval interval(Row row) {
    double k = row.getInt(2);
    double n = row.getLong(4);
    double perSequence = k * row.getLong(3) / n; // choices of one sequence
    double mean = row.getLong(5) / n;
    double squares = Math.max(0, row.getLong(6) - n * mean * mean);
    double error = Math.sqrt(squares / (n * (n - 1))) / perSequence;
    return new RatioInterval(mean / perSequence, n < 2 ? Double.NaN : error);
  }
}
