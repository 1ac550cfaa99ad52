package org.metier.model.balance;

/**
 * What one layer's router says of each token of a micro-batch, and the gradient that losses over
 * single tokens add to. With p the probabilities (of a softmax, or sigmoids divided by their sum)
 * and z the logits, a gradient with respect to p becomes {@code dz_e = p_e (dp_e - Σ_i p_i dp_i)},
 * times {@code 1 - sigmoid(z_e)} if the router's activation is a sigmoid.
 */
public final class RouterTokens {
  private final int tokens;
  private final int experts;
  private final int topK;
  private final boolean sigmoid;
  private final double[] logits;
  private final double[] probabilities;
  private final double[] gradient;

  /**
   * @param topK experts that each token is sent to
   * @param sigmoid whether probabilities are normalised sigmoids and not a softmax
   * @param logits [T·E] z, or longer; not copied
   * @param probabilities [T·E] p, or longer; not copied
   * @param gradient [T·E], zero; receives the gradient
   */
  public RouterTokens(
      int tokens,
      int experts,
      int topK,
      boolean sigmoid,
      double[] logits,
      double[] probabilities,
      double[] gradient) {
    this.tokens = tokens;
    this.experts = experts;
    this.topK = topK;
    this.sigmoid = sigmoid;
    this.logits = logits;
    this.probabilities = probabilities;
    this.gradient = gradient;
  }

  public int tokens() {
    return tokens;
  }

  public int experts() {
    return experts;
  }

  /** Experts that each token is sent to. */
  public int topK() {
    return topK;
  }

  /** z of one token and expert. */
  public double logit(int token, int expert) {
    return logits[token * experts + expert];
  }

  /** p of one token and expert; a token's sum to 1. */
  public double probability(int token, int expert) {
    return probabilities[token * experts + expert];
  }

  /**
   * ln p of one token, finite where p has vanished.
   *
   * @param out [E]
   */
  public void logProbabilities(int token, double[] out) {
    int from = token * experts;
    if (sigmoid) {
      for (int e = 0; e < experts; e++) {
        out[e] = Math.log(Math.max(probabilities[from + e], Double.MIN_NORMAL));
      }
      return;
    }
    int best = 0;
    for (int e = 1; e < experts; e++) {
      best = probabilities[from + e] > probabilities[from + best] ? e : best;
    }
    // ln p_e - ln p_best = z_e - z_best: one logarithm for all
    double shift = Math.log(probabilities[from + best]) - logits[from + best];
    for (int e = 0; e < experts; e++) {
      out[e] = logits[from + e] + shift;
    }
  }

  /** Adds to dLoss/dz of one token and expert. */
  public void addLogitGradient(int token, int expert, double value) {
    gradient[token * experts + expert] += value;
  }

  /**
   * Adds a gradient with respect to one token's probabilities.
   *
   * @param dProbability [E] dLoss/dp
   */
  public void addProbabilityGradient(int token, double[] dProbability) {
    int from = token * experts;
    double mean = 0;
    for (int e = 0; e < experts; e++) {
      mean += probabilities[from + e] * dProbability[e];
    }
    for (int e = 0; e < experts; e++) {
      double slope = sigmoid ? 1 / (1 + Math.exp(logits[from + e])) : 1;
      gradient[from + e] += slope * probabilities[from + e] * (dProbability[e] - mean);
    }
  }

  /** [T·E] dLoss/dz as added up so far. */
  public double[] gradient() {
    return gradient;
  }
}
