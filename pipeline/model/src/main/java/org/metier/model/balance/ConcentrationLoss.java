package org.metier.model.balance;

/**
 * ModuleFormer's load concentration (arXiv 2306.04640): {@code c · H(e) = -c · Σ_e P_e ln P_e}. The
 * opposite of balance: fine-tuned on one domain, a model comes to use few experts, and the others
 * can be pruned. Gradient: {@code -c (ln P_e + 1)}.
 *
 * @param coefficient c
 */
public record ConcentrationLoss(double coefficient) implements BalanceStrategy {

  @Override
  public Signal signal(double[] frequency, double[] meanProbability) {
    double[] gradient = new double[meanProbability.length];
    for (int e = 0; e < gradient.length; e++) {
      gradient[e] = -coefficient * (Entropy.log(meanProbability[e]) + 1);
    }
    return new Signal(coefficient * Entropy.of(meanProbability), gradient);
  }
}
