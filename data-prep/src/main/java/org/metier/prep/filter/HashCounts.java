package org.metier.prep.filter;

import java.util.Arrays;

/**
 * How often each 64-bit hash has come: open addressing in two arrays, used again for one kind of
 * n-gram after the other.
 */
final class HashCounts {
  private long[] hashes; // 0 is a free place
  private int[] counts;
  private int used;

  /**
   * @param expected different hashes to make room for at first
   */
  HashCounts(int expected) {
    allocate(Integer.highestOneBit(Math.max(8, expected)) * 4);
  }

  private void allocate(int size) {
    hashes = new long[size];
    counts = new int[size];
    used = 0;
  }

  /** Counts one more; returns how often the hash has come by now. */
  int add(long hash) {
    int place = place(hash == 0 ? 1 : hash);
    if (counts[place] == 0 && ++used > hashes.length / 2) {
      grow();
      return 1;
    }
    return ++counts[place];
  }

  /** Where a key is, or has been put. */
  private int place(long key) {
    int mask = hashes.length - 1;
    int place = (int) (key ^ key >>> 32) & mask;
    while (hashes[place] != key) {
      if (hashes[place] == 0) {
        hashes[place] = key;
        break;
      }
      place = place + 1 & mask;
    }
    return place;
  }

  /** Twice the room; the hash that was put in last counts as one. */
  private void grow() {
    long[] oldHashes = hashes;
    int[] oldCounts = counts;
    int oldUsed = used;
    allocate(2 * oldHashes.length);
    used = oldUsed;
    for (int i = 0; i < oldHashes.length; i++) {
      if (oldHashes[i] != 0) {
        counts[place(oldHashes[i])] = Math.max(1, oldCounts[i]);
      }
    }
  }

  void clear() {
    Arrays.fill(hashes, 0);
    Arrays.fill(counts, 0);
    used = 0;
  }
}
