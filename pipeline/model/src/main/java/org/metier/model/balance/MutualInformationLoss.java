package org.metier.model.balance;

/**
 * ModuleFormer's loss (arXiv 2306.04640, and its released code): minus the mutual information of
 * expert and token,
 *
 * <pre>{@code L = c · (Σ_e P_e ln P_e - (1/T) Σ_t Σ_e p_t,e ln p_t,e) = c · (H(e|x) - H(e))}</pre>
 *
 * so that the load is even and every token's choice sharp; between -c ln E and 0. Gradients: {@code
 * c (ln P_e + 1)} with respect to P_e, {@code -c/T (ln p_t,e + 1)} with respect to p_t,e.
 *
 * <p>The first term depends on whose tokens P is a mean of, as f does: over the union of
 * micro-batches the loss is lower than the mean of theirs. {@link Marginal#WINDOW} puts the balance
 * window's frequencies into the logarithm, {@code Σ_e P_e ln f_e} with f constant, which has the
 * same gradient where f = P.
 *
 * @param coefficient c
 */
public record MutualInformationLoss(double coefficient, Marginal marginal)
    implements BalanceStrategy {

  /** In the logarithm of an expert that no one chose; the released code's. */
  private static final double EPSILON = 1e-8;

  /** Whose distribution over experts is to be even. */
  public enum Marginal {
    /** The mean probabilities of the micro-batch, as the released code. */
    BATCH,
    /** The selections of the balance window. */
    WINDOW
  }

  @Override
  public Signal signal(double[] frequency, double[] meanProbability) {
    double loss = 0;
    double[] gradient = new double[frequency.length];
    for (int e = 0; e < frequency.length; e++) {
      double log =
          marginal == Marginal.BATCH
              ? Entropy.log(meanProbability[e])
              : Math.log(Math.max(frequency[e], EPSILON));
      loss += coefficient * meanProbability[e] * log;
      gradient[e] = coefficient * (marginal == Marginal.BATCH ? log + 1 : log);
    }
    return new Signal(loss, gradient);
  }

  @Override
  public boolean readsTokens() {
    return true;
  }

  @Override
  public double addTokenGradients(RouterTokens tokens) {
    int experts = tokens.experts();
    double scale = coefficient / tokens.tokens();
    double[] log = new double[experts];
    double[] dProbability = new double[experts];
    double loss = 0;
    for (int t = 0; t < tokens.tokens(); t++) {
      tokens.logProbabilities(t, log);
      for (int e = 0; e < experts; e++) {
        loss -= scale * tokens.probability(t, e) * log[e];
        dProbability[e] = -scale * (log[e] + 1);
      }
      tokens.addProbabilityGradient(t, dProbability);
    }
    return loss;
  }
}
