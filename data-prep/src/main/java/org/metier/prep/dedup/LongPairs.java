package org.metier.prep.dedup;

import java.util.Arrays;

/** A growing list of pairs of keys. */
final class LongPairs {
  private long[] values = new long[64];
  private int size; // values, two for each pair

  void add(long a, long b) {
    if (size == values.length) {
      values = Arrays.copyOf(values, 2 * size);
    }
    values[size++] = a;
    values[size++] = b;
  }

  void addAll(long[] pairs) {
    for (int i = 0; i < pairs.length; i += 2) {
      add(pairs[i], pairs[i + 1]);
    }
  }

  /** a₀, b₀, a₁, b₁ ... */
  long[] toArray() {
    return Arrays.copyOf(values, size);
  }
}
