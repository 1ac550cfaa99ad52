package org.metier.analysis;

import java.io.Serializable;

/**
 * The {@code analyze} section of a run.
 *
 * @param maxSequences at most so many held-out sequences are looked at; they lie shuffled
 * @param permutations shuffles of the domain labels that make the null of the mutual information
 * @param bootstraps resamplings of the sequences that make the confidence intervals
 * @param seed decides both; the same seed gives the same tables, however the rows are partitioned
 */
public record AnalyzeConfig(long maxSequences, int permutations, int bootstraps, long seed)
    implements Serializable {

  /** Everything, 200 permutations, 1000 bootstraps, seed 0. */
  public static final AnalyzeConfig DEFAULT = new AnalyzeConfig(Long.MAX_VALUE, 200, 1000, 0);

  public AnalyzeConfig {
    positive("maxSequences", maxSequences);
    positive("permutations", permutations);
    positive("bootstraps", bootstraps);
  }

  private static void positive(String key, long value) {
    if (value < 1) {
      throw new IllegalArgumentException("%s must be at least 1, is %d".formatted(key, value));
    }
  }
}
