package org.metier.prep.filter;

import java.util.Arrays;

/**
 * How often each 64-bit hash has come: open addressing in two arrays, used again for one kind of
 * n-gram after the other.
 */
final class HashCounts {
  private final long[] hashes; // 0 is a free place
  private final int[] counts;
  private final int mask;

  /**
   * @param capacity most different hashes
   */
  HashCounts(int capacity) {
    int size = Integer.highestOneBit(Math.max(8, capacity)) * 4; // at most half full
    hashes = new long[size];
    counts = new int[size];
    mask = size - 1;
  }

  /** Counts one more; returns how often the hash has come by now. */
  int add(long hash) {
    long key = hash == 0 ? 1 : hash;
    int place = (int) (key ^ key >>> 32) & mask;
    while (hashes[place] != key) {
      if (hashes[place] == 0) {
        hashes[place] = key;
        break;
      }
      place = place + 1 & mask;
    }
    return ++counts[place];
  }

  void clear() {
    Arrays.fill(hashes, 0);
    Arrays.fill(counts, 0);
  }
}
