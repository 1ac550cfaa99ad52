package org.metier.train;

import org.metier.train.TrainConfig.Accumulation;

/**
 * The window {@code step}: what all workers select in one optimiser step, one exchange of counts at
 * a time ("Demons in the Detail", arXiv 2501.11873). Where a step accumulates several micro-batches
 * there are two ways. {@code exact} counts them all before the first backward pass, at the price of
 * a second forward pass, so that the loss does not depend on how a global batch is split. {@code
 * buffer} is the paper's: f is over the micro-batches so far, so that the first of a step see a
 * smaller window and only the last sees all.
 */
final class StepFrequencies implements FrequencySync {
  private final Accumulation accumulation;
  private final CountExchange exchange;
  private long step;
  private long[][] window;
  private boolean complete;

  StepFrequencies(Accumulation accumulation, CountExchange exchange) {
    this.accumulation = accumulation;
    this.exchange = exchange;
  }

  @Override
  public void beginStep(long step) {
    this.step = step;
    this.window = null;
    this.complete = false;
  }

  @Override
  public boolean looksAhead() {
    return accumulation == Accumulation.EXACT;
  }

  @Override
  public void wholeStep(long[][] counts) {
    window = exchange.sum(step, counts);
    complete = true;
  }

  @Override
  public double[][] frequencies(Selections batch) {
    if (!complete) {
      add(exchange.sum(step, batch.counts()));
    }
    return FrequencySync.ofCounts(window);
  }

  /** All workers' micro-batches are counted now. */
  @Override
  public double[][] ofStep(double[][][] ofBatches, double[] shares, int experts) {
    return FrequencySync.ofCounts(window);
  }

  private void add(long[][] counts) {
    if (window == null) {
      window = counts;
      return;
    }
    for (int l = 0; l < counts.length; l++) {
      for (int e = 0; e < counts[l].length; e++) {
        window[l][e] += counts[l][e];
      }
    }
  }
}
