package org.metier.model.balance;

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
   * @param gradient [E] dLoss/dP_e, with f held constant
   */
  record Signal(double loss, double[] gradient) {}

  /**
   * The signal of one layer.
   *
   * @param frequency [E] f_e, share of the selections in the balance window; sums to 1
   * @param meanProbability [E] P_e, mean router probability over this micro-batch
   */
  Signal signal(double[] frequency, double[] meanProbability);
}
