package org.metier.model.balance;

import java.io.Serializable;
import java.util.Arrays;

/**
 * One update of the selection bias, seen on fixed scores: the procedure's primal-dual theory (Han
 * and Zhong, arXiv 2512.03915) as numbers. Choosing the k best of s + b maximises the Lagrangian of
 * "assign every token k experts and every expert L = kT/E tokens, for the largest sum of scores";
 * what it attains is the dual objective
 *
 * <pre>{@code g(b) = Σ_t (sum of the k largest of s_t + b) - L · Σ_e b_e}</pre>
 *
 * <p>convex in b, with subgradient c(b) - L. So any step Δb from counts c to c⁺ obeys {@code -⟨c⁺ -
 * L, Δb⟩ ≤ g(b) - g(b⁺) ≤ -⟨c - L, Δb⟩}: the objective falls as long as the step does not
 * overshoot. And a token that leaves e for e' obeys the preference rule: {@code Δb_e' > Δb_e}, and
 * its old margin lies between 0 and {@code Δb_e' - Δb_e}. Sums over layers and workers add up.
 *
 * @param tokens T, over all that was added up
 * @param before Σ g(b)
 * @param after Σ g(b⁺)
 * @param leastFall Σ -⟨c⁺ - L, Δb⟩
 * @param mostFall Σ -⟨c - L, Δb⟩
 * @param moved pairs of an expert that a token left and one that it came to
 * @param violations of the preference rule among them; more than none is a bug
 */
public record DualStep(
    long tokens,
    double before,
    double after,
    double leastFall,
    double mostFall,
    long moved,
    long violations)
    implements Serializable {

  /** Rounding of margins: scores and biases are of order 1. */
  private static final double SLACK = 1e-9;

  /** Nothing seen. */
  public static DualStep none() {
    return new DualStep(0, 0, 0, 0, 0, 0, 0);
  }

  public DualStep plus(DualStep other) {
    return new DualStep(
        tokens + other.tokens,
        before + other.before,
        after + other.after,
        leastFall + other.leastFall,
        mostFall + other.mostFall,
        moved + other.moved,
        violations + other.violations);
  }

  /**
   * @param scores [T·E] or longer
   * @param bias [E] b
   * @param next [E] b⁺
   */
  public static DualStep of(double[] scores, int tokens, int topK, double[] bias, double[] next) {
    int experts = bias.length;
    Selection now = new Selection(experts, topK);
    Selection then = new Selection(experts, topK);
    double before = 0;
    double after = 0;
    double leastFall = 0;
    double mostFall = 0;
    long moved = 0;
    long violations = 0;
    for (int t = 0; t < tokens; t++) {
      before += now.choose(scores, t * experts, bias);
      after += then.choose(scores, t * experts, next);
      for (int left = 0; left < experts; left++) {
        for (int came = 0; came < experts && now.chosen[left] && !then.chosen[left]; came++) {
          if (then.chosen[came] && !now.chosen[came]) {
            moved++;
            double margin =
                scores[t * experts + left] + bias[left] - scores[t * experts + came] - bias[came];
            double push = next[came] - bias[came] - (next[left] - bias[left]);
            violations += push > 0 && margin >= -SLACK && margin <= push + SLACK ? 0 : 1;
          }
        }
      }
    }
    double load = (double) topK * tokens / experts;
    for (int e = 0; e < experts; e++) {
      before -= load * bias[e];
      after -= load * next[e];
      leastFall -= (then.counts[e] - load) * (next[e] - bias[e]);
      mostFall -= (now.counts[e] - load) * (next[e] - bias[e]);
    }
    return new DualStep(tokens, before, after, leastFall, mostFall, moved, violations);
  }

  /** The k best experts of one token at a time, ties to the lower number, and their counts. */
  private static final class Selection {
    private final int topK;
    private final boolean[] chosen;
    private final long[] counts;

    Selection(int experts, int topK) {
      this.topK = topK;
      this.chosen = new boolean[experts];
      this.counts = new long[experts];
    }

    /** Returns the sum of the k largest of score + bias. */
    double choose(double[] scores, int from, double[] bias) {
      Arrays.fill(chosen, false);
      double sum = 0;
      for (int j = 0; j < topK; j++) {
        int best = -1;
        for (int e = 0; e < bias.length; e++) {
          if (!chosen[e]
              && (best < 0 || scores[from + e] + bias[e] > scores[from + best] + bias[best])) {
            best = e;
          }
        }
        chosen[best] = true;
        counts[best]++;
        sum += scores[from + best] + bias[best];
      }
      return sum;
    }
  }
}
