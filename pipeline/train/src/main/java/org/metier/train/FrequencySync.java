package org.metier.train;

import org.metier.model.balance.Frequencies;

/**
 * Decides whose tokens the frequencies f of the balance loss speak of: the balance window. One
 * instance serves one worker for one round and is asked once per micro-batch, between forward and
 * backward.
 */
interface FrequencySync {

  /**
   * An optimiser step begins.
   *
   * @param step optimiser steps of the run before this one
   */
  default void beginStep(long step) {}

  /**
   * True if the window wants to see all micro-batches of an optimiser step before it answers for
   * the first. They then go through the model twice.
   */
  default boolean looksAhead() {
    return false;
  }

  /**
   * All selections of the step that has begun; called only if the window {@link #looksAhead} and
   * the step has more than one micro-batch.
   *
   * @param counts [L][E] of this worker
   */
  default void wholeStep(long[][] counts) {}

  /**
   * Frequencies for the backward pass of one micro-batch.
   *
   * @return [L][S·E], for S equal runs of the micro-batch's tokens; each run's sum to 1. All
   *     windows but {@code sequence} have one run.
   */
  double[][] frequencies(Selections batch);

  /**
   * Frequencies of the step that has ended, for what is done once per step: the mean over its
   * micro-batches and their runs, where a window does not know better.
   *
   * @param ofBatches [A][L][S·E] what {@link #frequencies} answered
   * @param shares [A] of the step's tokens
   * @return [L][E]
   */
  default double[][] ofStep(double[][][] ofBatches, double[] shares, int experts) {
    double[][] mean = new double[ofBatches[0].length][experts];
    for (int a = 0; a < ofBatches.length; a++) {
      for (int l = 0; l < mean.length; l++) {
        double weight = shares[a] * experts / ofBatches[a][l].length;
        for (int i = 0; i < ofBatches[a][l].length; i++) {
          mean[l][i % experts] += weight * ofBatches[a][l][i];
        }
      }
    }
    return mean;
  }

  /** The window that the config names for a round, as one worker sees it. */
  static FrequencySync of(
      TrainConfig config, long round, GlobalFrequencies last, int worker, CountExchange exchange) {
    TrainConfig.Balance balance = config.balance();
    FrequencySync window =
        switch (balance.windowOf(round)) {
          case SEQUENCE -> batch -> ofSequences(batch, balance.windowSequences());
          case MICRO_BATCH -> FrequencySync::ofMicroBatch;
          case STEP ->
              balance.shuffled()
                  ? new ShuffledFrequencies(config.seed(), worker, config.workers(), exchange)
                  : new StepFrequencies(balance.accumulation(), exchange);
          case ROUND -> new DriftCorrected(balance.recentBatches(), last, worker);
          case ROUND_STALE ->
              batch -> last.knows(worker) ? last.global() : FrequencySync.ofMicroBatch(batch);
        };
    return balance.microBatchShare() == 0
        ? window
        : new MixedFrequencies(window, balance.microBatchShare());
  }

  private static double[][] ofSequences(Selections batch, int together) {
    long[][] counts = batch.bySequences(together);
    double[][] frequencies = new double[counts.length][];
    for (int l = 0; l < counts.length; l++) {
      frequencies[l] = Frequencies.ofRuns(counts[l], batch.experts());
    }
    return frequencies;
  }

  private static double[][] ofMicroBatch(Selections batch) {
    return ofCounts(batch.counts());
  }

  /** [L][E] from [L][E] counts. */
  static double[][] ofCounts(long[][] counts) {
    double[][] frequencies = new double[counts.length][];
    for (int l = 0; l < counts.length; l++) {
      frequencies[l] = Frequencies.of(counts[l]);
    }
    return frequencies;
  }
}
