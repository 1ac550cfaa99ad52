package org.metier.prep.dedup;

import java.io.Serializable;

/**
 * The {@code prepare.deduplication} section: which documents say the same, and what becomes of
 * them.
 *
 * <p>Two documents with Jaccard similarity s of their shingles agree in one row of a band with
 * probability s, so that they meet in a band with probability 1 - (1 - s^rows)^bands (Leskovec,
 * Rajaraman, Ullman, "Mining of Massive Datasets", section 3.4): with 20 bands of 6 rows 0.998 for
 * s = 0.8. Pairs that meet are then compared by all bands x rows hashes, which estimate s with a
 * standard deviation of sqrt(s (1 - s) / (bands rows)): 0.037 at s = 0.8.
 *
 * @param method none; exact: texts that differ in letter case and whitespace at most; near: those,
 *     and texts whose sets of shingles are similar
 * @param keep which of a cluster's documents stays: the longest, the first of the input, or all of
 *     them, on one side of the split
 * @param within corpus: one of a cluster stays; domain: one for each domain in it
 * @param shingle what a shingle is made of: words or characters
 * @param shingleSize words or characters in a shingle
 * @param bands of the MinHash signature
 * @param rows hashes in a band
 * @param minSimilarity estimated Jaccard similarity from which two documents belong together
 * @param decontamination of training text against the rest
 */
public record DeduplicationConfig(
    Method method,
    Keep keep,
    Within within,
    Shingle shingle,
    int shingleSize,
    int bands,
    int rows,
    double minSimilarity,
    Decontamination decontamination)
    implements Serializable {

  /** How duplicates are found. */
  public enum Method {
    NONE,
    EXACT,
    NEAR
  }

  /** Which duplicates stay. */
  public enum Keep {
    LONGEST,
    FIRST,
    ALL
  }

  /** Where one of the duplicates stays. */
  public enum Within {
    CORPUS,
    DOMAIN
  }

  /** What shingles are made of. */
  public enum Shingle {
    WORD,
    CHARACTER
  }

  /**
   * Training documents that share a run of words with held-out text go, after GPT-3 (Brown et al.
   * 2020, appendix C: 13 words, and runs that are in more than 10 training documents count as
   * phrases).
   *
   * @param ngram words in the run; 0 is off
   * @param maxDocuments a run in more training documents than this is a common phrase and says
   *     nothing
   */
  public record Decontamination(int ngram, int maxDocuments) implements Serializable {
    public Decontamination {
      require(ngram >= 0, "ngram must not be negative, is " + ngram);
      require(maxDocuments >= 1, "maxDocuments must be at least 1, is " + maxDocuments);
    }
  }

  public DeduplicationConfig {
    require(shingleSize >= 1, "shingleSize must be at least 1, is " + shingleSize);
    require(bands >= 1, "bands must be at least 1, is " + bands);
    require(rows >= 1, "rows must be at least 1, is " + rows);
    require(
        (long) bands * rows <= 4096, "bands times rows must be at most 4096, is " + bands * rows);
    require(
        minSimilarity > 0 && minSimilarity <= 1,
        "minSimilarity must lie above 0 and not above 1, is " + minSimilarity);
  }

  /** Nothing is looked for: what metier-defaults.conf says. */
  public static DeduplicationConfig defaults() {
    return new DeduplicationConfig(
        Method.NONE,
        Keep.LONGEST,
        Within.CORPUS,
        Shingle.WORD,
        5,
        20,
        6,
        0.7,
        new Decontamination(0, 10));
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
