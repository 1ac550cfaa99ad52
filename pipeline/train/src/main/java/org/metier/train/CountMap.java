package org.metier.train;

import java.io.Serializable;

/**
 * Exact counts by non-negative key: open addressing with linear probing over two primitive arrays,
 * 16 bytes a place and at most two thirds of them taken. Not for two threads at a time.
 */
final class CountMap implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int FIRST_PLACES = 16;

  /** Key + 1, so that 0 is an empty place; a power of two long. */
  private long[] keys = new long[FIRST_PLACES];

  private long[] counts = new long[FIRST_PLACES];
  private int size;

  /** Takes a key and its count. */
  interface Visitor {
    void visit(long key, long count);
  }

  /** Distinct keys. */
  int size() {
    return size;
  }

  void add(long key, long count) {
    int mask = keys.length - 1;
    int place = place(key, mask);
    while (keys[place] != key + 1) {
      if (keys[place] == 0) {
        insert(place, key, count);
        return;
      }
      place = (place + 1) & mask;
    }
    counts[place] += count;
  }

  void addAll(CountMap other) {
    other.forEach(this::add);
  }

  /** In no order that means anything. */
  void forEach(Visitor visitor) {
    for (int place = 0; place < keys.length; place++) {
      if (keys[place] != 0) {
        visitor.visit(keys[place] - 1, counts[place]);
      }
    }
  }

  private void insert(int place, long key, long count) {
    keys[place] = key + 1;
    counts[place] = count;
    size++;
    if (3L * size > 2L * keys.length) {
      grow();
    }
  }

  private void grow() {
    long[] oldKeys = keys;
    long[] oldCounts = counts;
    keys = new long[Math.multiplyExact(2, oldKeys.length)];
    counts = new long[keys.length];
    int mask = keys.length - 1;
    for (int i = 0; i < oldKeys.length; i++) {
      if (oldKeys[i] != 0) {
        int place = place(oldKeys[i] - 1, mask);
        while (keys[place] != 0) {
          place = (place + 1) & mask;
        }
        keys[place] = oldKeys[i];
        counts[place] = oldCounts[i];
      }
    }
  }

  /** Where the search begins: Fibonacci hashing (Knuth, volume 3, section 6.4). */
  private static int place(long key, int mask) {
    long mixed = key * 0x9E3779B97F4A7C15L;
    return (int) (mixed >>> 32) & mask;
  }
}
