package org.metier.model.balance;

/**
 * The loss that ShinkaEvolve discovered (arXiv 2509.19349, equation 1), of one layer:
 *
 * <pre>{@code L = c · (E Σ_e f_e P_e + 0.1 · s(P) · Σ_e max(0, τ - x_e))
 * s(P) = 0.5 + (1 - H(P) / ln E)        τ = threshold / E}</pre>
 *
 * with x = f (as written: constant, so that the second term reaches the router through s alone) or
 * x = P (as some re-implementations have it: starved experts are pulled up themselves). The paper's
 * mean over layers is {@code train.balance.layers = mean}.
 *
 * @param coefficient c
 * @param threshold 0.064 in the formula; one audit reads 0.64 in the published listing
 */
public record ShinkaLoss(double coefficient, double threshold, Hinge hinge)
    implements BalanceStrategy {

  private static final double HINGE_WEIGHT = 0.1;

  /** What the hinge compares with τ. */
  public enum Hinge {
    /** f, the shares of the selections. */
    FREQUENCY,
    /** P, the mean probabilities. */
    PROBABILITY
  }

  @Override
  public Signal signal(double[] frequency, double[] meanProbability) {
    int experts = frequency.length;
    double[] x = hinge == Hinge.FREQUENCY ? frequency : meanProbability;
    double tau = threshold / experts;
    double starved = 0;
    for (double share : x) {
      starved += Math.max(0, tau - share);
    }
    double mostEntropy = Math.log(Math.max(2, experts)); // one expert has no entropy to compare
    double strength = 0.5 + (1 - Entropy.of(meanProbability) / mostEntropy);
    double loss =
        Frequencies.balance(frequency, meanProbability) + HINGE_WEIGHT * strength * starved;
    double[] gradient = new double[experts];
    for (int e = 0; e < experts; e++) {
      double dStrength = (Entropy.log(meanProbability[e]) + 1) / mostEntropy;
      double pull = hinge == Hinge.PROBABILITY && x[e] < tau ? -strength : 0;
      gradient[e] =
          coefficient * (experts * frequency[e] + HINGE_WEIGHT * (dStrength * starved + pull));
    }
    return new Signal(coefficient * loss, gradient);
  }
}
