package org.metier.train;

import java.util.ArrayDeque;
import org.metier.model.balance.Frequencies;

/** Counts of the n most recent micro-batches of one worker. */
final class RecentCounts {
  private final int capacity;
  private final ArrayDeque<long[][]> batches = new ArrayDeque<>();

  RecentCounts(int capacity) {
    this.capacity = capacity;
  }

  /**
   * @param counts [L][E] of one micro-batch; not copied
   */
  void add(long[][] counts) {
    if (batches.size() == capacity) {
      batches.removeFirst();
    }
    batches.addLast(counts);
  }

  /** [E] over the batches held. */
  double[] frequency(int layer) {
    long[] sum = null;
    for (long[][] counts : batches) {
      sum = sum == null ? new long[counts[layer].length] : sum;
      for (int e = 0; e < sum.length; e++) {
        sum[e] += counts[layer][e];
      }
    }
    return Frequencies.of(sum == null ? new long[1] : sum);
  }

  /** Oldest first. */
  long[][][] toArray() {
    return batches.toArray(new long[0][][]);
  }
}
