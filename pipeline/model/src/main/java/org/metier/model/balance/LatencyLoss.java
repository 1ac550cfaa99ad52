package org.metier.model.balance;

import java.util.List;

/**
 * ShiftAddViT's latency-aware balance (arXiv 2306.06446): with SCV(z) the squared coefficient of
 * variation, Var(z) / mean(z)² with the unbiased variance,
 *
 * <pre>{@code L = c · (SCV(α_e · P_e) + SCV(α_e · Q_e))        Q_e = (1/T) Σ_t q_e(t)
 * q_e(t) = Φ((z_t,e - threshold_t,e) / σ)}</pre>
 *
 * <p>zero where every expert's share is proportional to 1/α_e, so that all finish at the same time.
 * The threshold is the k-th largest logit among the <em>other</em> experts; q is the probability
 * that t would choose e if noise of deviation σ were added to z_t,e (Shazeer et al., arXiv
 * 1701.06538), and so a load with a gradient. Importance (P) alone evens out the mean probabilities
 * and leaves the choices where they are.
 *
 * @param coefficient c
 * @param latencies [E] α_e, in any unit: the loss does not change with their scale
 * @param deviation σ of the noise, in logits
 */
public record LatencyLoss(double coefficient, List<Double> latencies, double deviation)
    implements BalanceStrategy {

  /** Φ is 0 or 1 in double beyond. */
  private static final double SATURATED = 8.3;

  private static final double LOG_ROOT_TWO_PI = 0.91893853320467274178;

  public LatencyLoss {
    latencies = List.copyOf(latencies);
  }

  @Override
  public Signal signal(double[] frequency, double[] meanProbability) {
    return variation(meanProbability);
  }

  /** c · SCV(α ⊙ share), and its gradient. */
  private Signal variation(double[] share) {
    int experts = share.length;
    if (experts == 1) {
      return Signal.none(1);
    }
    double mean = 0;
    for (int e = 0; e < experts; e++) {
      mean += latencies.get(e) * share[e] / experts;
    }
    double variance = 0;
    for (int e = 0; e < experts; e++) {
      double deviationOfE = latencies.get(e) * share[e] - mean;
      variance += deviationOfE * deviationOfE / (experts - 1);
    }
    double scv = variance / (mean * mean);
    double[] gradient = new double[experts];
    for (int e = 0; e < experts; e++) {
      double dVariance = 2 * (latencies.get(e) * share[e] - mean) / (experts - 1);
      double dScv = dVariance / (mean * mean) - 2 * scv / (mean * experts);
      gradient[e] = coefficient * latencies.get(e) * dScv;
    }
    return new Signal(coefficient * scv, gradient);
  }

  @Override
  public boolean readsTokens() {
    return true;
  }

  @Override
  public double addTokenGradients(RouterTokens tokens) {
    int experts = tokens.experts();
    if (tokens.topK() == experts) {
      return 0; // every expert takes every token: nothing to choose
    }
    int[][] edge = new int[tokens.tokens()][];
    double[] load = new double[experts];
    for (int t = 0; t < tokens.tokens(); t++) {
      edge[t] = lastAndNext(tokens, t);
      for (int e = 0; e < experts; e++) {
        load[e] += probability(margin(tokens, t, e, edge[t])) / tokens.tokens();
      }
    }
    Signal signal = variation(load);
    for (int t = 0; t < tokens.tokens(); t++) {
      for (int e = 0; e < experts; e++) {
        double dMargin =
            signal.gradient()[e]
                * density(margin(tokens, t, e, edge[t]))
                / (deviation * tokens.tokens());
        if (dMargin != 0) {
          tokens.addLogitGradient(t, e, dMargin);
          tokens.addLogitGradient(t, threshold(tokens, t, e, edge[t]), -dMargin);
        }
      }
    }
    return signal.loss();
  }

  /** (z - threshold) / σ. */
  private double margin(RouterTokens tokens, int t, int e, int[] edge) {
    return (tokens.logit(t, e) - tokens.logit(t, threshold(tokens, t, e, edge))) / deviation;
  }

  /** The expert with the k-th largest logit among all but e. */
  private static int threshold(RouterTokens tokens, int t, int e, int[] edge) {
    boolean chosen =
        e == edge[0]
            || tokens.logit(t, e) > tokens.logit(t, edge[0])
            || (tokens.logit(t, e) == tokens.logit(t, edge[0]) && e < edge[0]);
    return chosen ? edge[1] : edge[0];
  }

  /** The experts with the k-th and the (k+1)-th largest logit; ties go to the lower number. */
  private static int[] lastAndNext(RouterTokens tokens, int t) {
    int last = -1;
    for (int j = 0; j < tokens.topK(); j++) {
      last = after(tokens, t, last);
    }
    return new int[] {last, after(tokens, t, last)};
  }

  /** The expert that comes after {@code last} in the order of logits; -1 is before the first. */
  private static int after(RouterTokens tokens, int t, int last) {
    int best = -1;
    for (int e = 0; e < tokens.experts(); e++) {
      double z = tokens.logit(t, e);
      boolean follows =
          last < 0 || z < tokens.logit(t, last) || (z == tokens.logit(t, last) && e > last);
      if (follows && (best < 0 || z > tokens.logit(t, best))) {
        best = e;
      }
    }
    return best;
  }

  /** Φ, by the series of Marsaglia (Journal of Statistical Software 11(4), 2004). */
  static double probability(double x) {
    if (Math.abs(x) > SATURATED) {
      return x > 0 ? 1 : 0;
    }
    double square = x * x;
    double term = x;
    double sum = x;
    double before = 0;
    for (int i = 3; sum != before; i += 2) {
      term *= square / i;
      before = sum;
      sum += term;
    }
    return 0.5 + sum * Math.exp(-0.5 * square - LOG_ROOT_TWO_PI);
  }

  /** φ = Φ'. */
  private static double density(double x) {
    return Math.abs(x) > SATURATED ? 0 : Math.exp(-0.5 * x * x - LOG_ROOT_TWO_PI);
  }
}
