package org.metier.prep.dedup;

import java.util.Arrays;

/**
 * The connected components of a graph of keys, by union-find with path halving (Tarjan, van Leeuwen
 * 1984). A component's name is its smallest key, so that it depends on no order. Takes 20 bytes for
 * each key beside the edges.
 */
final class Components {
  private final long[] keys; // sorted
  private final int[] parents; // index of a key that is not larger

  /**
   * @param edges a₀, b₀, a₁, b₁ ...
   */
  Components(long[] edges) {
    long[] sorted = edges.clone();
    Arrays.sort(sorted);
    int distinct = 0;
    for (int i = 0; i < sorted.length; i++) {
      if (i == 0 || sorted[i] != sorted[i - 1]) {
        sorted[distinct++] = sorted[i];
      }
    }
    keys = Arrays.copyOf(sorted, distinct);
    parents = new int[distinct];
    Arrays.setAll(parents, i -> i);
    for (int i = 0; i < edges.length; i += 2) {
      union(root(indexOf(edges[i])), root(indexOf(edges[i + 1])));
    }
  }

  /** All keys that have an edge, sorted. */
  long[] keys() {
    return keys;
  }

  /** The smallest key of a key's component: the key itself if it has no edge. */
  long nameOf(long key) {
    int index = indexOf(key);
    return index < 0 ? key : keys[root(index)];
  }

  /** Edges enough to connect the same keys, fewer than there are keys. */
  long[] spanningForest() {
    LongPairs forest = new LongPairs();
    for (int i = 0; i < keys.length; i++) {
      int root = root(i);
      if (root != i) {
        forest.add(keys[root], keys[i]);
      }
    }
    return forest.toArray();
  }

  private int indexOf(long key) {
    return Arrays.binarySearch(keys, key);
  }

  private int root(int index) {
    int i = index;
    while (parents[i] != i) {
      parents[i] = parents[parents[i]];
      i = parents[i];
    }
    return i;
  }

  private void union(int a, int b) {
    if (a < b) {
      parents[b] = a;
    } else {
      parents[a] = b;
    }
  }
}
