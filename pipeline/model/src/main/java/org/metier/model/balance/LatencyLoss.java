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

  private static final double ROOT_TWO_PI = 2.506628274631000502;

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
    int count = tokens.tokens();
    if (tokens.topK() == experts) {
      return 0; // every expert takes every token: nothing to choose
    }
    int[] last = new int[count];
    int[] next = new int[count];
    double[] density = new double[count * experts];
    double[] load = new double[experts];
    for (int t = 0; t < count; t++) {
      last[t] = lastChosen(tokens, t);
      next[t] = after(tokens, t, last[t]);
      for (int e = 0; e < experts; e++) {
        int threshold = threshold(tokens, t, e, last[t], next[t]);
        double margin = (tokens.logit(t, e) - tokens.logit(t, threshold)) / deviation;
        double bell = Math.exp(-0.5 * margin * margin);
        density[t * experts + e] = bell / ROOT_TWO_PI;
        load[e] += probability(margin, bell) / count;
      }
    }
    Signal signal = variation(load);
    for (int t = 0; t < count; t++) {
      for (int e = 0; e < experts; e++) {
        double slope = density[t * experts + e] / (deviation * count);
        tokens.addLogitGradient(t, e, signal.gradient()[e] * slope);
        tokens.addLogitGradient(
            t, threshold(tokens, t, e, last[t], next[t]), -signal.gradient()[e] * slope);
      }
    }
    return signal.loss();
  }

  /** The expert with the k-th largest logit among all but e. */
  private static int threshold(RouterTokens tokens, int t, int e, int last, int next) {
    double z = tokens.logit(t, e);
    double edge = tokens.logit(t, last);
    return z > edge || (z == edge && e <= last) ? next : last;
  }

  /** The expert with the k-th largest logit; ties go to the lower number. */
  private static int lastChosen(RouterTokens tokens, int t) {
    int last = -1;
    for (int j = 0; j < tokens.topK(); j++) {
      last = after(tokens, t, last);
    }
    return last;
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

  /**
   * Φ, by Hart's rational function (algorithm 5666 of Hart et al., Computer Approximations, 1968,
   * in the form of West, Wilmott Magazine, 2005): within 1e-15.
   *
   * @param bell {@code exp(-x²/2)}
   */
  static double probability(double x, double bell) {
    double a = Math.abs(x);
    double tail;
    if (a < 7.07106781186547) {
      double p = 3.52624965998911e-2 * a + 0.700383064443688;
      p = p * a + 6.37396220353165;
      p = p * a + 33.912866078383;
      p = p * a + 112.079291497871;
      p = p * a + 221.213596169931;
      p = p * a + 220.206867912376;
      double q = 8.83883476483184e-2 * a + 1.75566716318264;
      q = q * a + 16.064177579207;
      q = q * a + 86.7807322029461;
      q = q * a + 296.564248779674;
      q = q * a + 637.333633378831;
      q = q * a + 793.826512519948;
      q = q * a + 440.413735824752;
      tail = bell * p / q;
    } else {
      tail = bell / (a + 1 / (a + 2 / (a + 3 / (a + 4 / (a + 0.65))))) / ROOT_TWO_PI;
    }
    return x > 0 ? 1 - tail : tail;
  }
}
