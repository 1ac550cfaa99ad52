package org.metier.prep.text;

/**
 * Fast 64-bit hashes of pieces of text. They do not resist an adversary; two different pieces out
 * of a billion collide with a probability of about 3 %, out of a document's thousands practically
 * never.
 */
public final class Hashing {
  private static final long ODD = 0x9E3779B97F4A7C15L; // 2^64 / golden ratio
  private static final long BASE = 0xD6E8FEB86659FD93L; // odd

  private Hashing() {}

  /** The hash of the characters from {@code start} to before {@code end}. */
  public static long of(String text, int start, int end) {
    long hash = end - start;
    for (int i = start; i < end; i++) {
      hash = (hash ^ text.charAt(i)) * ODD;
      hash ^= hash >>> 29;
    }
    return mix(hash);
  }

  /** The hash of a sequence by one element more. */
  public static long combine(long sequence, long element) {
    return mix(sequence * BASE + element);
  }

  /** Bijective mixing, after SplitMix64 (Steele, Lea, Flood 2014). */
  public static long mix(long hash) {
    long z = (hash ^ hash >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
