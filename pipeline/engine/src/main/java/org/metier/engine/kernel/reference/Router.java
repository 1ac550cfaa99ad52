package org.metier.engine.kernel.reference;

import java.util.Arrays;
import org.metier.engine.kernel.RouterScoring.Activation;
import org.metier.engine.kernel.Routing;

/**
 * Softmax over all experts and the choice of the k best (Shazeer et al., arXiv 1701.06538, in the
 * order softmax then top-k); z-loss of Zoph et al., arXiv 2202.08906; a bias on the choice alone as
 * in Wang et al., arXiv 2408.15664.
 *
 * <p>The choice is constant for differentiation. With p = softmax(z): {@code dz_e = p_e (dp_e - Σ_i
 * p_i dp_i)}, where dp collects dLoss/dP_e over the tokens of that mean and, if the gates are not
 * normalised, the gates' gradients. Normalised gates g are a softmax over the chosen logits alone,
 * so that {@code dz_j += g_j (dg_j - Σ_i g_i dg_i)} for the chosen j. The z-loss adds {@code 2 c/T
 * · logsumexp(z) · softmax(z)_e}. Null experts (AdaMoE, arXiv 2406.13233) have a probability and no
 * gate; what a capacity drops keeps its gate.
 *
 * <p>With s = sigmoid(z) and p = s / Σ s (DeepSeek-V3, arXiv 2412.19437), {@code ds_e = (dp_e - Σ_i
 * p_i dp_i) / Σ s} and {@code dz_e = s_e (1 - s_e) ds_e}: the same form times 1 - s_e. Gates g =
 * s_j / Σ_chosen s likewise, and gates g = s_j as they are give {@code dz_j += g_j (1 - s_j) dg_j}.
 */
final class Router {
  private Router() {}

  static void forward(
      View probabilities,
      View gates,
      Routing routing,
      View logits,
      double[] selectionBias,
      boolean normalize) {
    String op = "route";
    check(op, probabilities, gates, routing, logits);
    HostArrays.requireLength(op + " selectionBias", selectionBias.length, routing.columns());
    HostArrays.requireLength(
        op + " routing", routing.expertOfSlot.length, logits.dim(0) * routing.topK());
    probabilities.requireDisjoint(op + " probabilities", gates, logits);
    gates.requireDisjoint(op + " gates", logits);
    int tokens = logits.dim(0);
    int experts = routing.columns();
    int topK = routing.topK();

    Arrays.fill(routing.probabilitySum, 0);
    Arrays.fill(routing.gateMass, 0);
    routing.scoreSum = 0;
    routing.squaredLogSumExp = 0;
    for (int t = 0; t < tokens; t++) {
      double logSumExp = logSumExp(logits, t);
      routing.squaredLogSumExp += logSumExp * logSumExp;
      double[] scores = scores(routing, logits, t);
      double scoresOfAll = Arrays.stream(scores).sum(); // of a softmax 1, but for rounding
      for (int e = 0; e < experts; e++) {
        double p = sigmoid(routing) ? scores[e] / scoresOfAll : scores[e];
        probabilities.set(t, e, p);
        routing.probabilitySum[e] += p;
      }
      choose(routing, t, logits, scores, selectionBias);
      double chosenSum = 0;
      for (int slot = t * topK; slot < (t + 1) * topK; slot++) {
        double p = probabilities.get(t, routing.expertOfSlot[slot]);
        chosenSum += isNull(routing, slot) ? 0 : p;
        if (routing.needsProbabilities()) {
          routing.probabilityOfSlot[slot] = p;
        }
      }
      routing.scoreSum += chosenSum;
      for (int j = 0; j < topK; j++) {
        int expert = routing.expertOfSlot[t * topK + j];
        double p = probabilities.get(t, expert);
        double gate = normalize ? p / chosenSum : scores[expert];
        gates.set(t, j, isNull(routing, t * topK + j) ? 0 : gate);
      }
    }
    routing.sortByExpert(tokens);
    for (int slot = 0; slot < routing.slots(); slot++) {
      if (routing.hasRow(slot)) {
        routing.gateMass[routing.expertOfSlot[slot]] += gates.get(slot / topK, slot % topK);
      }
    }
  }

  private static boolean isNull(Routing routing, int slot) {
    return routing.expertOfSlot[slot] >= routing.numExperts();
  }

  private static boolean sigmoid(Routing routing) {
    return routing.scoring().activation() == Activation.SIGMOID;
  }

  /** Softmax or sigmoids of one token's logits. */
  private static double[] scores(Routing routing, View logits, int t) {
    double logSumExp = logSumExp(logits, t);
    double[] scores = new double[logits.dim(1)];
    for (int e = 0; e < scores.length; e++) {
      double z = logits.get(t, e);
      scores[e] = sigmoid(routing) ? 1 / (1 + Math.exp(-z)) : Math.exp(z - logSumExp);
    }
    return scores;
  }

  /** Writes the k best experts of token t, best first; ties go to the lower number. */
  private static void choose(
      Routing routing, int t, View logits, double[] scores, double[] selectionBias) {
    boolean byLogit = routing.scoring().choosesByLogit(selectionBias);
    double[] biased = new double[scores.length];
    for (int e = 0; e < biased.length; e++) {
      biased[e] = (byLogit ? logits.get(t, e) : scores[e]) + selectionBias[e];
    }
    boolean[] taken = new boolean[routing.columns()];
    for (int j = 0; j < routing.topK(); j++) {
      int best = -1;
      for (int e = 0; e < routing.columns(); e++) {
        if (!taken[e] && (best < 0 || biased[e] > biased[best])) {
          best = e;
        }
      }
      taken[best] = true;
      routing.expertOfSlot[t * routing.topK() + j] = best;
    }
  }

  static void backward(
      View dLogits,
      View dGates,
      View probabilities,
      View gates,
      Routing routing,
      View logits,
      boolean normalize,
      double[] meanProbabilityGradient,
      double zLossCoefficient) {
    String op = "routeBackward";
    check(op, probabilities, gates, routing, logits);
    int tokens = logits.dim(0);
    int experts = routing.columns();
    int topK = routing.topK();
    dLogits.requireShape(op + " dLogits", tokens, experts);
    dGates.requireShape(op + " dGates", tokens, topK);
    int run = tokens / routing.runs(meanProbabilityGradient.length);
    dLogits.requireDisjoint(op + " dLogits", dGates, probabilities, gates, logits);

    for (int t = 0; t < tokens; t++) {
      double[] dProbability = new double[experts];
      for (int e = 0; e < experts; e++) {
        dProbability[e] = meanProbabilityGradient[t / run * experts + e] / run;
      }
      boolean gatesAreProbabilities = !normalize && !sigmoid(routing);
      if (gatesAreProbabilities) {
        for (int j = 0; j < topK; j++) {
          if (!isNull(routing, t * topK + j)) {
            dProbability[routing.expertOfSlot[t * topK + j]] += dGates.get(t, j);
          }
        }
      }
      double dot = 0;
      for (int e = 0; e < experts; e++) {
        dot += probabilities.get(t, e) * dProbability[e];
      }
      for (int e = 0; e < experts; e++) {
        dLogits.set(t, e, probabilities.get(t, e) * (dProbability[e] - dot));
      }
      if (!gatesAreProbabilities) {
        double gateDot = 0; // gates that are not divided by their sum do not move each other
        for (int j = 0; j < topK && normalize; j++) {
          gateDot += isNull(routing, t * topK + j) ? 0 : gates.get(t, j) * dGates.get(t, j);
        }
        for (int j = 0; j < topK; j++) {
          if (!isNull(routing, t * topK + j)) {
            int expert = routing.expertOfSlot[t * topK + j];
            dLogits.add(t, expert, gates.get(t, j) * (dGates.get(t, j) - gateDot));
          }
        }
      }
      double logSumExp = logSumExp(logits, t);
      for (int e = 0; e < experts; e++) {
        double z = logits.get(t, e);
        double slope = sigmoid(routing) ? 1 / (1 + Math.exp(z)) : 1; // 1 - s, to all digits
        double softmax = Math.exp(z - logSumExp);
        double zLoss = 2 * zLossCoefficient / tokens * logSumExp * softmax;
        dLogits.set(t, e, slope * dLogits.get(t, e) + zLoss);
      }
    }
  }

  private static double logSumExp(View logits, int t) {
    double max = Double.NEGATIVE_INFINITY;
    for (int e = 0; e < logits.dim(1); e++) {
      max = Math.max(max, logits.get(t, e));
    }
    double sum = 0;
    for (int e = 0; e < logits.dim(1); e++) {
      sum += Math.exp(logits.get(t, e) - max);
    }
    return max + Math.log(sum);
  }

  private static void check(
      String op, View probabilities, View gates, Routing routing, View logits) {
    logits.requireRank(op + " logits", 2);
    int tokens = logits.dim(0);
    logits.requireShape(op + " logits", tokens, routing.columns());
    probabilities.requireShape(op + " probabilities", tokens, routing.columns());
    gates.requireShape(op + " gates", tokens, routing.topK());
    if (routing.topK() < 1 || routing.topK() > routing.columns()) {
      throw new IllegalArgumentException(
          "%s: topK is %d, must lie in [1, %d]".formatted(op, routing.topK(), routing.columns()));
    }
  }
}
