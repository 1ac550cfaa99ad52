package org.metier.model.balance;

/** Entropies in nats, with 0 · ln 0 = 0. */
final class Entropy {
  private Entropy() {}

  /** H = -Σ P ln P. */
  static double of(double[] distribution) {
    double sum = 0;
    for (double p : distribution) {
      sum -= p * log(p);
    }
    return sum;
  }

  /** ln p, finite at 0, where a softmax multiplies any gradient with p = 0. */
  static double log(double p) {
    return Math.log(Math.max(p, Double.MIN_NORMAL));
  }
}
