package org.metier.train;

import org.metier.model.balance.Frequencies;

/**
 * The window {@code round}: last round's global frequencies, moved by what this worker has seen
 * change since. Without the correction a round-old f pushes the router the same way for H steps and
 * the load swings. In the first round there is nothing global yet and the worker's own recent
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
  public double[][] frequencies(Selections batch) {
    recent.add(batch.counts());
    double[][] frequencies = new double[batch.counts().length][];
    for (int l = 0; l < frequencies.length; l++) {
      double[] now = recent.frequency(l);
      frequencies[l] =
          last.knows(worker)
              ? Frequencies.driftCorrected(last.global()[l], now, last.own()[worker][l])
              : now;
    }
    return frequencies;
  }
}
