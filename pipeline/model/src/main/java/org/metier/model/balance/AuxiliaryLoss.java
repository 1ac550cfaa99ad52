package org.metier.model.balance;

/**
 * The load-balancing loss {@code c · E · Σ_e f_e · P_e} (Switch Transformer, arXiv 2101.03961; over
 * a global batch: "Demons in the Detail", arXiv 2501.11873). f sums to 1, so uniform routing gives
 * c; it is constant for differentiation, so the gradient with respect to P_e is {@code c · E ·
 * f_e}.
 *
 * @param coefficient c
 */
public record AuxiliaryLoss(double coefficient) implements BalanceStrategy {

  public AuxiliaryLoss {
    if (!(coefficient >= 0)) {
      throw new IllegalArgumentException("coefficient must not be negative, is " + coefficient);
    }
  }

  @Override
  public Signal signal(double[] frequency, double[] meanProbability) {
    int numExperts = frequency.length;
    double[] gradient = new double[numExperts];
    for (int e = 0; e < numExperts; e++) {
      gradient[e] = coefficient * numExperts * frequency[e];
    }
    return new Signal(coefficient * Frequencies.balance(frequency, meanProbability), gradient);
  }
}
