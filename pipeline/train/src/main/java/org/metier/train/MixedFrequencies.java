package org.metier.train;

import org.metier.model.balance.Frequencies;

/**
 * A window with a share of the micro-batch's own frequencies mixed in: {@code (1 - w) f_window + w
 * f_micro}. A small w costs little specialisation and keeps single micro-batches, and with them
 * experts on one device, from being lopsided (arXiv 2501.11873, section 4).
 */
record MixedFrequencies(FrequencySync window, double share) implements FrequencySync {

  @Override
  public void beginStep(long step) {
    window.beginStep(step);
  }

  @Override
  public boolean looksAhead() {
    return window.looksAhead();
  }

  @Override
  public void wholeStep(long[][] counts) {
    window.wholeStep(counts);
  }

  @Override
  public double[][] frequencies(Selections batch) {
    double[][] ofWindow = window.frequencies(batch);
    double[][] mixed = new double[ofWindow.length][];
    for (int l = 0; l < mixed.length; l++) {
      mixed[l] = Frequencies.mix(ofWindow[l], Frequencies.of(batch.counts()[l]), share);
    }
    return mixed;
  }
}
