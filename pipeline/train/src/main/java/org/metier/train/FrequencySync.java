package org.metier.train;

import java.util.ArrayDeque;
import org.metier.model.balance.Frequencies;

/**
 * Decides whose tokens the frequencies f of the balance loss speak of: the balance window. One
 * instance serves one worker for one round and is asked once per micro-batch, between forward and
 * backward.
 */
public interface FrequencySync {

  /**
   * Frequencies for the backward pass of one micro-batch.
   *
   * @param counts [L][E] selections of this micro-batch
   * @return [L][E], each row summing to 1
   */
  double[][] frequencies(long[][] counts);

  /** The window that the config names, as one worker sees it at the start of a round. */
  static FrequencySync of(TrainConfig.Balance balance, GlobalFrequencies last, int worker) {
    return switch (balance.window()) {
      case MICRO_BATCH -> FrequencySync::ofMicroBatch;
      case ROUND_STALE ->
          counts -> last.knows(worker) ? last.global() : FrequencySync.ofMicroBatch(counts);
      case ROUND -> new DriftCorrected(balance.recentBatches(), last, worker);
    };
  }

  private static double[][] ofMicroBatch(long[][] counts) {
    double[][] frequencies = new double[counts.length][];
    for (int l = 0; l < counts.length; l++) {
      frequencies[l] = Frequencies.of(counts[l]);
    }
    return frequencies;
  }

  /**
   * The window {@code round}: last round's global frequencies, moved by what this worker has seen
   * change since. Without the correction a round-old f pushes the router the same way for H steps
   * and the load swings. In the first round there is nothing global yet and the worker's own recent
   * micro-batches stand in.
   */
  final class DriftCorrected implements FrequencySync {
    private final GlobalFrequencies last;
    private final int worker;
    private final RecentCounts recent;

    DriftCorrected(int recentBatches, GlobalFrequencies last, int worker) {
      this.last = last;
      this.worker = worker;
      this.recent = new RecentCounts(recentBatches);
      if (last.knows(worker)) {
        for (long[][] counts : last.recent()[worker]) {
          recent.add(counts);
        }
      }
    }

    @Override
    public double[][] frequencies(long[][] counts) {
      recent.add(counts);
      double[][] frequencies = new double[counts.length][];
      for (int l = 0; l < counts.length; l++) {
        double[] now = recent.frequency(l);
        frequencies[l] =
            last.knows(worker)
                ? Frequencies.driftCorrected(last.global()[l], now, last.own()[worker][l])
                : now;
      }
      return frequencies;
    }
  }

  /** Counts of the n most recent micro-batches. */
  final class RecentCounts {
    private final int capacity;
    private final ArrayDeque<long[][]> batches = new ArrayDeque<>();

    RecentCounts(int capacity) {
      this.capacity = capacity;
    }

    void add(long[][] counts) {
      if (batches.size() == capacity) {
        batches.removeFirst();
      }
      batches.addLast(counts);
    }

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
}
