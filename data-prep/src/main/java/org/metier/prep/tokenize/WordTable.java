package org.metier.prep.tokenize;

import java.util.Arrays;

/**
 * Numbers distinct byte strings 0, 1, 2, … in the order in which they first come. Open addressing
 * over one byte pool: no object per word and none per look-up.
 */
final class WordTable {
  private int[] slots = new int[1 << 12]; // index + 1, 0 is free
  private int[] hashes = new int[1 << 11];
  private int[] starts = new int[(1 << 11) + 1]; // word i is pool[starts[i], starts[i + 1])
  private byte[] pool = new byte[1 << 14];
  private int size;

  /** Number of the word {@code bytes[from, to)}; it is added if it is new. */
  int indexOf(byte[] bytes, int from, int to) {
    int hash = hash(bytes, from, to);
    int mask = slots.length - 1;
    int slot = hash & mask;
    while (slots[slot] != 0) {
      int index = slots[slot] - 1;
      if (hashes[index] == hash
          && Arrays.equals(pool, starts[index], starts[index + 1], bytes, from, to)) {
        return index;
      }
      slot = (slot + 1) & mask;
    }
    slots[slot] = size + 1;
    return add(hash, bytes, from, to);
  }

  private int add(int hash, byte[] bytes, int from, int to) {
    int index = size++;
    if (size > hashes.length) {
      hashes = Arrays.copyOf(hashes, 2 * hashes.length);
      starts = Arrays.copyOf(starts, hashes.length + 1);
    }
    int end = starts[index] + to - from;
    if (end > pool.length) {
      pool = Arrays.copyOf(pool, Math.max(end, 2 * pool.length));
    }
    System.arraycopy(bytes, from, pool, starts[index], to - from);
    starts[index + 1] = end;
    hashes[index] = hash;
    if (2 * size > slots.length) {
      grow();
    }
    return index;
  }

  private void grow() {
    slots = new int[2 * slots.length];
    int mask = slots.length - 1;
    for (int index = 0; index < size; index++) {
      int slot = hashes[index] & mask;
      while (slots[slot] != 0) {
        slot = (slot + 1) & mask;
      }
      slots[slot] = index + 1;
    }
  }

  private static int hash(byte[] bytes, int from, int to) {
    int hash = to - from;
    for (int i = from; i < to; i++) {
      hash = 31 * hash + bytes[i];
    }
    hash *= 0x9E3779B9;
    return hash ^ (hash >>> 15);
  }

  /** Number of distinct words. */
  int size() {
    return size;
  }

  /** Bytes of all words together. */
  int poolSize() {
    return starts[size];
  }

  /** A copy of a word's bytes. */
  byte[] word(int index) {
    return Arrays.copyOfRange(pool, starts[index], starts[index + 1]);
  }
}
