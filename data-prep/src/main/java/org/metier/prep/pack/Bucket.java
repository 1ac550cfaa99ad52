package org.metier.prep.pack;

import java.io.Serializable;
import org.metier.prep.document.Split;

/**
 * A part of one domain's documents in one split; its documents are packed together, by one task.
 *
 * @param split the side of the corpus
 * @param domain index of the domain in the corpus's sorted list
 * @param seed decides the places of its sequences in the global shuffle
 */
public record Bucket(Split split, int domain, long seed) implements Serializable {

  /**
   * Key of sequence {@code index} of this bucket in the global order: SplitMix64 (Steele, Lea,
   * Flood 2014), which maps different indices of one bucket to different keys.
   */
  public long orderOf(long index) {
    long z = seed + (index + 1) * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
