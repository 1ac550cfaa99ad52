package org.metier.engine.kernel;

/**
 * Noise that is a function of a seed and a place and not of a sequence of draws: any thread, any
 * order and any backend gives the same numbers, and a backward pass makes them again instead of
 * keeping them.
 */
public final class UniformNoise {
  private UniformNoise() {}

  /**
   * The i-th factor, uniform in [1 - ε, 1 + ε) on a grid of 2^24 steps.
   *
   * @param index i, the element's number
   */
  public static double factor(int seed, int index, double epsilon) {
    int bits = mix(index * 0x9E3779B9 + mix(seed));
    return 1 + epsilon * ((bits >>> 8) * 0x1p-23 - 1);
  }

  /** The finaliser of MurmurHash3 (Appleby, 32 bits): every input bit moves every output bit. */
  private static int mix(int h) {
    h = (h ^ h >>> 16) * 0x85EBCA6B;
    h = (h ^ h >>> 13) * 0xC2B2AE35;
    return h ^ h >>> 16;
  }
}
