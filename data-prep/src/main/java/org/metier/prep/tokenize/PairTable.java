package org.metier.prep.tokenize;

import java.io.Serializable;
import java.util.Arrays;

/** A map from a pair of token ids to an int ≥ 0, by open addressing. */
final class PairTable implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final long FREE = -1;

  private long[] keys;
  private int[] values;
  private int size;

  PairTable(int expected) {
    int capacity = Integer.highestOneBit(Math.max(8, expected)) << 2;
    keys = new long[capacity];
    values = new int[capacity];
    Arrays.fill(keys, FREE);
  }

  /** The pair as one number whose order is that of (left, right). */
  static long pair(int left, int right) {
    return (long) left << 32 | right;
  }

  static int left(long pair) {
    return (int) (pair >>> 32);
  }

  static int right(long pair) {
    return (int) pair;
  }

  /** The pair's value, or -1. */
  int get(long pair) {
    int mask = keys.length - 1;
    int slot = hash(pair) & mask;
    while (keys[slot] != FREE) {
      if (keys[slot] == pair) {
        return values[slot];
      }
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  /** Sets the value of a pair that has none yet. */
  void put(long pair, int value) {
    if (2 * ++size > keys.length) {
      grow();
    }
    insert(pair, value);
  }

  private void insert(long pair, int value) {
    int mask = keys.length - 1;
    int slot = hash(pair) & mask;
    while (keys[slot] != FREE) {
      slot = (slot + 1) & mask;
    }
    keys[slot] = pair;
    values[slot] = value;
  }

  private void grow() {
    long[] oldKeys = keys;
    int[] oldValues = values;
    keys = new long[2 * oldKeys.length];
    values = new int[keys.length];
    Arrays.fill(keys, FREE);
    for (int i = 0; i < oldKeys.length; i++) {
      if (oldKeys[i] != FREE) {
        insert(oldKeys[i], oldValues[i]);
      }
    }
  }

  private static int hash(long pair) {
    long mixed = pair * 0x9E3779B97F4A7C15L;
    return (int) (mixed >>> 32);
  }
}
