package org.metier.analysis;

import java.io.Serializable;

/**
 * The {@code analyze} section of a run.
 *
 * @param checkpoint {@code newest}, {@code best} (lowest validation loss) or the optimiser step of
 *     one that the run has kept
 * @param maxSequences at most so many held-out sequences are looked at; they lie shuffled
 * @param permutations shuffles of the domain labels that make the null of the mutual information
 * @param bootstraps resamplings of the sequences that make the confidence intervals
 * @param seed decides all that is random; the same seed gives the same tables, however the rows are
 *     partitioned
 * @param vocabularyTokens tokens that {@code vocabulary} lists of each expert, layer and kind
 * @param trace also write {@code routing_trace}, a row per token and layer
 * @param saturation comparison with the other checkpoints that the run has kept
 * @param ablation losses with a domain's own experts only
 */
public record AnalyzeConfig(
    String checkpoint,
    long maxSequences,
    int permutations,
    int bootstraps,
    long seed,
    int vocabularyTokens,
    boolean trace,
    Saturation saturation,
    Ablation ablation)
    implements Serializable {

  public static final String NEWEST = "newest";
  public static final String BEST = "best";

  /**
   * @param maxSequences at most so many held-out sequences; 0 leaves {@code saturation} out
   */
  public record Saturation(long maxSequences) implements Serializable {
    public Saturation {
      notNegative("maxSequences", maxSequences);
    }
  }

  /**
   * @param maxSequences at most so many held-out sequences; 0 leaves {@code expert_ablation} out
   */
  public record Ablation(long maxSequences) implements Serializable {
    public Ablation {
      notNegative("maxSequences", maxSequences);
    }
  }

  /** Everything, 200 permutations, 1000 bootstraps, seed 0. */
  public static final AnalyzeConfig DEFAULT = new AnalyzeConfig(Long.MAX_VALUE, 200, 1000, 0);

  /** The newest checkpoint, 20 tokens of each vocabulary, no trace. */
  public AnalyzeConfig(long maxSequences, int permutations, int bootstraps, long seed) {
    this(
        NEWEST,
        maxSequences,
        permutations,
        bootstraps,
        seed,
        20,
        false,
        new Saturation(256),
        new Ablation(64));
  }

  public AnalyzeConfig {
    if (!checkpoint.equals(NEWEST)
        && !checkpoint.equals(BEST)
        && !checkpoint.matches("\\d{1,18}")) {
      throw new IllegalArgumentException(
          "checkpoint must be newest, best or an optimiser step, is " + checkpoint);
    }
    positive("maxSequences", maxSequences);
    positive("permutations", permutations);
    positive("bootstraps", bootstraps);
    positive("vocabularyTokens", vocabularyTokens);
  }

  private static void positive(String key, long value) {
    if (value < 1) {
      throw new IllegalArgumentException("%s must be at least 1, is %d".formatted(key, value));
    }
  }

  private static void notNegative(String key, long value) {
    if (value < 0) {
      throw new IllegalArgumentException("%s must not be negative, is %d".formatted(key, value));
    }
  }
}
