package org.metier.prep.dedup;

import java.io.Serializable;
import java.util.Arrays;
import org.metier.prep.text.Hashing;

/**
 * MinHash signatures (Broder 1997): of each of a family of hash functions the smallest value over a
 * set. Two sets agree in one value with the probability of their Jaccard similarity. The functions
 * are multiply-add-shift, (a x + b) mod 2^64 div 2^32 with odd a (Dietzfelbinger et al. 1997), over
 * shingles that are hashed already; a and b are fixed, so that signatures of different runs
 * compare.
 */
public final class MinHash implements Serializable {
  private static final long serialVersionUID = 1L;

  private final int bands;
  private final int rows;
  private final long[] factors; // [bands × rows]
  private final long[] summands;

  public MinHash(int bands, int rows) {
    this.bands = bands;
    this.rows = rows;
    factors = new long[bands * rows];
    summands = new long[bands * rows];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = Hashing.mix(2L * i + 1) | 1;
      summands[i] = Hashing.mix(2L * i + 2);
    }
  }

  /** The signature of a set of hashed shingles, which may be listed more than once. */
  public int[] signature(long[] shingles) {
    int[] least = new int[factors.length];
    Arrays.fill(least, Integer.MAX_VALUE);
    for (long shingle : shingles) {
      for (int i = 0; i < least.length; i++) {
        int hash = (int) (factors[i] * shingle + summands[i] >>> 32);
        least[i] = Math.min(least[i], hash);
      }
    }
    return least;
  }

  /** The hash of one band of a signature; different in different bands. */
  public long band(int[] signature, int band) {
    long hash = band;
    for (int i = band * rows; i < (band + 1) * rows; i++) {
      hash = Hashing.combine(hash, signature[i]);
    }
    return hash;
  }

  public int bands() {
    return bands;
  }

  /** Share of equal values: an estimate of the Jaccard similarity without bias. */
  public static double similarity(int[] a, int[] b) {
    int equal = 0;
    for (int i = 0; i < a.length; i++) {
      equal += a[i] == b[i] ? 1 : 0;
    }
    return (double) equal / a.length;
  }
}
