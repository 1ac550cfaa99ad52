package org.metier.model.balance;

import java.util.Arrays;

/**
 * A way to keep experts evenly loaded: a function from routing statistics of one layer to a loss
 * and its gradient, or to a bias on the choice of experts. It knows no kernels and no cluster;
 * whose tokens the frequencies speak of was decided before it is called.
 *
 * <p><b>A method of your own</b> is one record in this package that implements {@link #signal}:
 *
 * <pre>{@code
 * public record SquaredLoad(double coefficient) implements BalanceStrategy {
 *   public Signal signal(double[] frequency, double[] meanProbability) {
 *     double loss = 0;
 *     double[] gradient = new double[frequency.length];
 *     for (int e = 0; e < frequency.length; e++) {
 *       double excess = meanProbability[e] - 1.0 / frequency.length;
 *       loss += coefficient * excess * excess;
 *       gradient[e] = 2 * coefficient * excess;
 *     }
 *     return new Signal(loss, gradient);
 *   }
 * }
 * }</pre>
 *
 * <p>A loss that looks at single tokens also says {@link #readsTokens} and implements {@link
 * #addTokenGradients}; one that steers the choice itself says {@link #biasesSelection} and
 * implements {@link #updateBias}. Then give it a name in {@code StrategyConfig.Kind} of the module
 * train, with one line in {@code StrategyConfig.strategy} that makes it from the config. The test
 * of gradients ({@code StrategyGradientTest}) takes any strategy. Windows, weights, composition
 * with other strategies, accumulation and checkpoints need no code.
 */
public interface BalanceStrategy {

  /**
   * A loss and its gradient.
   *
   * @param loss of this layer
   * @param gradient [E] dLoss/dP_e, or [S·E] for S runs of tokens, with f held constant
   */
  record Signal(double loss, double[] gradient) {
    /** No loss, and no push. */
    public static Signal none(int experts) {
      return new Signal(0, new double[experts]);
    }
  }

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

  /** True if {@link #addTokenGradients} is to be called: it costs a look at every token. */
  default boolean readsTokens() {
    return false;
  }

  /**
   * The part of the loss that is no function of mean probabilities: adds its gradient to {@code
   * tokens}.
   *
   * @param tokens of one micro-batch in one layer
   * @return that part of the loss
   */
  default double addTokenGradients(RouterTokens tokens) {
    return 0;
  }

  /** True if {@link #updateBias} is to be called, and a bias to be kept. */
  default boolean biasesSelection() {
    return false;
  }

  /**
   * Moves the bias that is added to the scores for the choice of experts alone; called after each
   * optimiser step, or once a round.
   *
   * @param bias [E], updated in place; starts at zero
   * @param frequency [E] f_e, share of the selections in the balance window; sums to 1
   * @param update number of this update, from 1 on
   */
  default void updateBias(double[] bias, double[] frequency, long update) {}
}
