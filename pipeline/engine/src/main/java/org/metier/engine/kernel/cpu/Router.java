package org.metier.engine.kernel.cpu;

import java.util.Arrays;
import org.metier.engine.kernel.NotFiniteException;
import org.metier.engine.kernel.RouterScoring.Activation;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/** Softmax over the experts, choice of the k best and the statistics of it, in one pass per row. */
final class Router {
  /** Tokens per task, and per partial sum of the statistics. */
  private static final int GRAIN = 256;

  private final Team team;
  private final Rows rows;
  private double[] partial = new double[0];

  Router(Team team, Rows rows) {
    this.team = team;
    this.rows = rows;
  }

  void forward(
      Tensor probabilities,
      Tensor gates,
      Routing routing,
      Tensor logits,
      double[] selectionBias,
      boolean normalize) {
    int tokens = logits.rows();
    int experts = routing.columns();
    int trueExperts = routing.numExperts();
    int k = routing.topK();
    Shapes.require(logits, "router logits", tokens, experts);
    Shapes.require(probabilities, "router probabilities", tokens, experts);
    Shapes.require(gates, "gates", tokens, k);
    float[] p = FloatStorage.of(probabilities);
    float[] g = FloatStorage.of(gates);
    float[] z = FloatStorage.of(logits);
    boolean sigmoid = sigmoid(routing);
    boolean byLogit = routing.scoring().choosesByLogit(selectionBias);
    int blocks = Team.blocks(tokens, GRAIN);
    // Of each block: probability sums [E], gate mass [E], score sum, sum of squared log-sum-exp.
    int statistics = 2 * experts + 2;
    if (partial.length < blocks * statistics) {
      partial = new double[blocks * statistics];
    }
    double[] sums = partial;
    team.forRows(
        tokens,
        GRAIN,
        (from, to, worker) -> {
          int own = from / GRAIN * statistics;
          Arrays.fill(sums, own, own + statistics, 0);
          for (int t = from; t < to; t++) {
            int pRow = probabilities.offset() + t * experts;
            int zRow = logits.offset() + t * experts;
            double logSumExp = softmax(p, pRow, z, zRow, experts);
            sums[own + statistics - 1] += logSumExp * logSumExp;
            double scale = sigmoid ? SigmoidRows.forward(p, pRow, z, zRow, experts) : 1;
            if (byLogit) {
              choose(routing.expertOfSlot, t * k, k, z, zRow, 1, selectionBias, experts);
            } else {
              choose(routing.expertOfSlot, t * k, k, p, pRow, scale, selectionBias, experts);
            }
            if (sigmoid) {
              divideBySum(p, pRow, experts);
            }
            for (int e = 0; e < experts; e++) {
              sums[own + e] += p[pRow + e];
            }
            int gRow = gates.offset() + t * k;
            sums[own + statistics - 2] +=
                gate(g, gRow, p, pRow, z, zRow, routing, t * k, trueExperts, normalize);
            if (sigmoid) {
              SigmoidRows.gates(g, gRow, z, zRow, routing.expertOfSlot, t * k, k, normalize);
            }
            for (int j = 0; j < k; j++) {
              sums[own + experts + routing.expertOfSlot[t * k + j]] += g[gRow + j];
            }
            if (routing.needsProbabilities()) {
              for (int slot = t * k; slot < (t + 1) * k; slot++) {
                routing.probabilityOfSlot[slot] = p[pRow + routing.expertOfSlot[slot]];
              }
            }
          }
        });
    routing.sortByExpert(tokens);
    collect(routing, sums, blocks, statistics);
    if (!routing.complete()) {
      takeBackDropped(routing, g, gates.offset());
    }
  }

  /** What a capacity turned away has brought no gate weight to its expert. */
  private static void takeBackDropped(Routing routing, float[] g, int gatesFrom) {
    for (int slot = 0; slot < routing.slots(); slot++) {
      if (routing.isDropped(slot)) {
        routing.gateMass[routing.expertOfSlot[slot]] -= g[gatesFrom + slot];
      }
    }
  }

  private static void collect(Routing routing, double[] sums, int blocks, int statistics) {
    int experts = routing.columns();
    Arrays.fill(routing.probabilitySum, 0);
    Arrays.fill(routing.gateMass, 0);
    routing.scoreSum = 0;
    routing.squaredLogSumExp = 0;
    for (int block = 0; block < blocks; block++) {
      int own = block * statistics;
      for (int e = 0; e < experts; e++) {
        routing.probabilitySum[e] += sums[own + e];
      }
      for (int e = 0; e < routing.numExperts(); e++) {
        routing.gateMass[e] += sums[own + experts + e];
      }
      routing.scoreSum += sums[own + statistics - 2];
      routing.squaredLogSumExp += sums[own + statistics - 1];
    }
  }

  /** Returns log Σ exp z. */
  private double softmax(float[] p, int pRow, float[] z, int zRow, int experts) {
    float max = rows.max(z, zRow, experts);
    System.arraycopy(z, zRow, p, pRow, experts);
    float sum = rows.expAndSum(p, pRow, max, experts);
    rows.scale(p, pRow, 1 / sum, experts);
    return max + Math.log(sum);
  }

  private static boolean sigmoid(Routing routing) {
    return routing.scoring().activation() == Activation.SIGMOID;
  }

  private void divideBySum(float[] p, int pRow, int experts) {
    double sum = 0;
    for (int e = 0; e < experts; e++) {
      sum += p[pRow + e];
    }
    rows.scale(p, pRow, (float) (1 / sum), experts);
  }

  /** The k experts of highest {@code scale · s + bias}, best first; ties go to the lower number. */
  private static void choose(
      int[] chosen,
      int slot,
      int k,
      float[] s,
      int sRow,
      double scale,
      double[] bias,
      int experts) {
    double lastScore = Double.POSITIVE_INFINITY;
    int last = -1;
    for (int j = 0; j < k; j++) {
      // The best of those that come after the last one in the order (score down, number up).
      double bestScore = Double.NEGATIVE_INFINITY;
      int best = -1;
      for (int e = 0; e < experts; e++) {
        double score = scale * s[sRow + e] + bias[e];
        boolean after = score < lastScore || (score == lastScore && e > last);
        if (after && (best < 0 || score > bestScore)) {
          bestScore = score;
          best = e;
        }
      }
      if (best < 0) {
        throw new NotFiniteException("the router's logits are not numbers");
      }
      chosen[slot + j] = best;
      lastScore = bestScore;
      last = best;
    }
  }

  /**
   * Fills one row of gates; returns the sum of the chosen probabilities. Normalised gates are a
   * softmax over the chosen logits alone, which holds even where the probabilities underflow. Null
   * experts, from {@code trueExperts} on, count for nothing and have a gate of 0.
   */
  private static double gate(
      float[] g,
      int gRow,
      float[] p,
      int pRow,
      float[] z,
      int zRow,
      Routing routing,
      int slot,
      int trueExperts,
      boolean normalize) {
    int k = routing.topK();
    int[] chosen = routing.expertOfSlot;
    double score = 0;
    float max = Float.NEGATIVE_INFINITY;
    for (int j = 0; j < k; j++) {
      g[gRow + j] = 0;
      if (chosen[slot + j] < trueExperts) {
        score += p[pRow + chosen[slot + j]];
        g[gRow + j] = p[pRow + chosen[slot + j]];
        max = Math.max(max, z[zRow + chosen[slot + j]]);
      }
    }
    if (normalize && max > Float.NEGATIVE_INFINITY) {
      double sum = 0;
      for (int j = 0; j < k; j++) {
        if (chosen[slot + j] < trueExperts) {
          g[gRow + j] = ScalarRows.exp(z[zRow + chosen[slot + j]] - max);
          sum += g[gRow + j];
        }
      }
      for (int j = 0; j < k; j++) {
        g[gRow + j] = (float) (g[gRow + j] / sum);
      }
    }
    return score;
  }

  void backward(
      Tensor dLogits,
      Tensor dGates,
      Tensor probabilities,
      Tensor gates,
      Routing routing,
      Tensor logits,
      boolean normalize,
      double[] meanProbabilityGradient,
      double zLossCoefficient) {
    int tokens = logits.rows();
    int experts = routing.columns();
    int trueExperts = routing.numExperts();
    int k = routing.topK();
    Shapes.require(dLogits, "gradient of router logits", tokens, experts);
    Shapes.require(dGates, "gradient of gates", tokens, k);
    float[] dZ = FloatStorage.of(dLogits);
    float[] dG = FloatStorage.of(dGates);
    float[] p = FloatStorage.of(probabilities);
    float[] g = FloatStorage.of(gates);
    float[] z = FloatStorage.of(logits);
    int run = tokens / routing.runs(meanProbabilityGradient.length);
    double zScale = 2 * zLossCoefficient / tokens;
    boolean sigmoid = sigmoid(routing);
    boolean gatesAreProbabilities = !normalize && !sigmoid;
    team.forRows(
        tokens,
        GRAIN,
        (from, to, worker) -> {
          for (int t = from; t < to; t++) {
            int row = dLogits.offset() + t * experts;
            int pRow = probabilities.offset() + t * experts;
            int zRow = logits.offset() + t * experts;
            // First dLoss/dp, then through the softmax: dz = p (dp - Σ p dp).
            int mean = t / run * experts;
            for (int e = 0; e < experts; e++) {
              dZ[row + e] = (float) (meanProbabilityGradient[mean + e] / run);
            }
            int gRow = gates.offset() + t * k;
            int dGRow = dGates.offset() + t * k;
            if (gatesAreProbabilities) {
              for (int j = 0; j < k; j++) {
                if (routing.expertOfSlot[t * k + j] < trueExperts) {
                  dZ[row + routing.expertOfSlot[t * k + j]] += dG[dGRow + j];
                }
              }
            }
            double shift = -rows.dot(dZ, row, p, pRow, experts);
            if (zScale != 0 && !sigmoid) {
              shift += zScale * logSumExp(p, pRow, z, zRow, experts);
            }
            for (int e = 0; e < experts; e++) {
              dZ[row + e] = (float) (p[pRow + e] * (dZ[row + e] + shift));
            }
            if (!gatesAreProbabilities) {
              addGateGradient(dZ, row, dG, dGRow, g, gRow, routing, t * k, normalize);
            }
            if (sigmoid) {
              SigmoidRows.backward(dZ, row, z, zRow, experts, zScale);
            }
          }
        });
  }

  /**
   * {@code dz_j += g_j (dg_j - Σ g dg)}: normalised gates are a softmax of the chosen logits.
   * Sigmoids that are not normalised do not move each other: without the sum.
   */
  private static void addGateGradient(
      float[] dZ,
      int row,
      float[] dG,
      int dGRow,
      float[] g,
      int gRow,
      Routing routing,
      int slot,
      boolean normalize) {
    int k = routing.topK();
    int[] chosen = routing.expertOfSlot;
    int trueExperts = routing.numExperts();
    double mean = 0;
    for (int j = 0; j < k && normalize; j++) {
      if (chosen[slot + j] < trueExperts) {
        mean += (double) g[gRow + j] * dG[dGRow + j];
      }
    }
    for (int j = 0; j < k; j++) {
      if (chosen[slot + j] < trueExperts) {
        dZ[row + chosen[slot + j]] += (float) (g[gRow + j] * (dG[dGRow + j] - mean));
      }
    }
  }

  /** log Σ exp z from the most probable expert: {@code z_e - log p_e}. */
  private static double logSumExp(float[] p, int pRow, float[] z, int zRow, int experts) {
    int best = 0;
    for (int e = 1; e < experts; e++) {
      if (p[pRow + e] > p[pRow + best]) {
        best = e;
      }
    }
    return z[zRow + best] - Math.log(p[pRow + best]);
  }
}
