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

  /** Deviations from which on Φ is 0 or 1 within 1e-16, and its slope below 1e-15. */
  private static final double CERTAIN = 8.3;

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
    int[] order = new int[tokens.topK() + 1];
    for (int t = 0; t < count; t++) {
      largest(tokens, t, order);
      last[t] = order[order.length - 2];
      next[t] = order[order.length - 1];
      double edge = tokens.logit(t, last[t]);
      double beyond = tokens.logit(t, next[t]);
      for (int e = 0; e < experts; e++) {
        double z = tokens.logit(t, e);
        boolean chosen = isChosen(z, e, edge, last[t]);
        double margin = (z - (chosen ? beyond : edge)) / deviation;
        if (Math.abs(margin) > CERTAIN) {
          load[e] += margin > 0 ? 1.0 / count : 0;
          continue;
        }
        double bell = Math.exp(-0.5 * margin * margin);
        density[t * experts + e] = chosen ? -bell : bell; // the sign keeps what e was held against
        load[e] += probability(margin, bell) / count;
      }
    }
    Signal signal = variation(load);
    double scale = 1 / (ROOT_TWO_PI * deviation * count);
    for (int t = 0; t < count; t++) {
      double ofLast = 0;
      double ofNext = 0;
      for (int e = 0; e < experts; e++) {
        double bell = density[t * experts + e];
        double slope = signal.gradient()[e] * Math.abs(bell) * scale;
        tokens.addLogitGradient(t, e, slope);
        if (bell < 0) {
          ofNext += slope;
        } else {
          ofLast += slope;
        }
      }
      tokens.addLogitGradient(t, last[t], -ofLast);
      tokens.addLogitGradient(t, next[t], -ofNext);
    }
    return signal.loss();
  }

  /** Whether e is among the k of the largest logits, where {@code last} comes last. */
  private static boolean isChosen(double z, int e, double edge, int last) {
    return z > edge || (z == edge && e <= last);
  }

  /** The experts with the largest logits in their order; ties go to the lower number. */
  private static void largest(RouterTokens tokens, int t, int[] order) {
    for (int e = 0; e < tokens.experts(); e++) {
      double z = tokens.logit(t, e);
      int place = Math.min(e, order.length);
      while (place > 0 && z > tokens.logit(t, order[place - 1])) {
        place--;
      }
      if (place < order.length) {
        System.arraycopy(order, place, order, place + 1, Math.min(e, order.length - 1) - place);
        order[place] = e;
      }
    }
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
