package org.metier.model.balance;

import java.util.Arrays;

/**
 * A way to keep experts evenly loaded: a function from routing statistics of one layer to a loss
 * and its gradient. It knows no kernels and no cluster; whose tokens the frequencies speak of was
 * decided before it is called.
 */
public interface BalanceStrategy {

  /**
   * A loss and its gradient.
   *
   * @param loss of this layer
   * @param gradient [E] dLoss/dP_e, or [S·E] for S runs of tokens, with f held constant
   */
  record Signal(double loss, double[] gradient) {}

  /**
   * The mean of the signals of S equal runs of tokens, each with frequencies of its own: the loss
   * over each sequence, where there is one run per sequence.
   *
   * @param frequency [S·E] f_s,e; each run's sum to 1
   * @param meanProbability [S·E] P_s,e, mean router probability over the run
   * @return the mean loss, and its gradient [S·E] with respect to P_s,e
   */
  default Signal signal(double[] frequency, double[] meanProbability, int runs) {
    int experts = frequency.length / runs;
    double loss = 0;
    double[] gradient = new double[frequency.length];
    for (int run = 0; run < runs; run++) {
      int from = run * experts;
      Signal ofRun =
          signal(
              Arrays.copyOfRange(frequency, from, from + experts),
              Arrays.copyOfRange(meanProbability, from, from + experts));
      loss += ofRun.loss() / runs;
      for (int e = 0; e < experts; e++) {
        gradient[from + e] = ofRun.gradient()[e] / runs;
      }
    }
    return new Signal(loss, gradient);
  }

  /**
   * The signal of one layer.
   *
   * @param frequency [E] f_e, share of the selections in the balance window; sums to 1
   * @param meanProbability [E] P_e, mean router probability over this micro-batch
   */
  Signal signal(double[] frequency, double[] meanProbability);
}
