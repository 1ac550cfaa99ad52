package org.metier.engine.kernel.nd4j;

import java.util.Arrays;
import org.metier.engine.kernel.RouterScoring.Activation;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * Softmax over all experts and the choice of the k best (Shazeer et al., arXiv 1701.06538); z-loss
 * of Zoph et al., arXiv 2202.08906; a bias on the choice alone as in Wang et al., arXiv 2408.15664.
 * The formulas of the gradient are those of the reference's router.
 *
 * <p>The choice is made on the host, where {@link Routing} lives: T·E logits come down per layer.
 */
final class Router {
  private Router() {}

  static void forward(
      Tensor probabilities,
      Tensor gates,
      Routing routing,
      Tensor logits,
      double[] selectionBias,
      boolean normalize) {
    int tokens = logits.dim(0);
    int experts = routing.columns();
    int topK = routing.topK();
    try (Temporaries t = new Temporaries()) {
      INDArray p = Views.of(probabilities);
      p.assign(Views.of(logits));
      double[] logSumExp = Transfer.toHost(Softmax.ofRows(t, p).logSumExp());
      INDArray scores = p;
      if (sigmoid(routing)) {
        scores = sigmoids(t, p, Views.of(logits));
      }
      double[] probabilitySum = Transfer.toHost(t.keep(t.copy(p, DataType.DOUBLE).sum(0)));
      System.arraycopy(probabilitySum, 0, routing.probabilitySum, 0, experts);

      boolean byLogit = routing.scoring().choosesByLogit(selectionBias);
      double[] hostLogits = Transfer.toHost(Views.of(logits));
      choose(routing, byLogit ? hostLogits : Transfer.toHost(scores), tokens, selectionBias);
      int[] flatIndex = new int[tokens * topK];
      for (int slot = 0; slot < flatIndex.length; slot++) {
        flatIndex[slot] = slot / topK * experts + routing.expertOfSlot[slot];
      }
      Ops.gatherRows(
          Views.as(gates, tokens * topK, 1),
          Views.as(probabilities, tokens * experts, 1),
          flatIndex);
      INDArray g = Views.of(gates);
      if (routing.needsProbabilities()) {
        double[] ofSlot = Transfer.toHost(g);
        System.arraycopy(ofSlot, 0, routing.probabilityOfSlot, 0, ofSlot.length);
      }
      if (experts > routing.numExperts()) {
        g.muli(ofExperts(t, routing, tokens, g));
      }
      INDArray chosenSum = t.keep(g.sum(true, 1));
      if (normalize && experts > routing.numExperts()) {
        g.assign(t.keep(softmaxOfExperts(routing, hostLogits, tokens, g)));
      } else if (normalize) {
        g.divi(chosenSum);
      } else if (sigmoid(routing)) {
        assignChosen(g, Transfer.toHost(scores), routing);
      }
      routing.sortByExpert(tokens);
      count(routing, Transfer.toHost(g), Transfer.toHost(chosenSum), logSumExp);
    }
  }

  /** [T, k]: 1 where the choice is an expert, 0 where it is a null. */
  private static INDArray ofExperts(Temporaries t, Routing routing, int tokens, INDArray like) {
    double[] mask = new double[tokens * routing.topK()];
    for (int slot = 0; slot < mask.length; slot++) {
      mask[slot] = routing.expertOfSlot[slot] < routing.numExperts() ? 1 : 0;
    }
    return t.keep(Transfer.fromHost(mask, like.dataType(), tokens, routing.topK()));
  }

  /**
   * [T, k] normalised gates beside null experts: a softmax over the chosen experts' logits alone,
   * since next to a likely null their probabilities may vanish, and 0 for the nulls.
   */
  private static INDArray softmaxOfExperts(
      Routing routing, double[] logits, int tokens, INDArray like) {
    int topK = routing.topK();
    double[] gates = new double[tokens * topK];
    for (int t = 0; t < tokens; t++) {
      double max = Double.NEGATIVE_INFINITY;
      double sum = 0;
      for (int pass = 0; pass < 2; pass++) {
        for (int slot = t * topK; slot < (t + 1) * topK; slot++) {
          int expert = routing.expertOfSlot[slot];
          double logit = logits[t * routing.columns() + expert];
          if (expert < routing.numExperts() && pass == 0) {
            max = Math.max(max, logit);
          } else if (expert < routing.numExperts()) {
            gates[slot] = Math.exp(logit - max);
            sum += gates[slot];
          }
        }
      }
      for (int slot = t * topK; slot < (t + 1) * topK && sum > 0; slot++) {
        gates[slot] /= sum;
      }
    }
    return Transfer.fromHost(gates, like.dataType(), tokens, topK);
  }

  private static boolean sigmoid(Routing routing) {
    return routing.scoring().activation() == Activation.SIGMOID;
  }

  /**
   * Overwrites {@code p} with sigmoids over their sum and returns the sigmoids themselves. Both
   * come of sigmoids times e^-m, with m = min(0, max z), which do not all vanish where z is very
   * negative: {@code e^(min(z, 0) - m) / (1 + e^-|z|)}.
   */
  private static INDArray sigmoids(Temporaries t, INDArray p, INDArray z) {
    INDArray m = Transforms.min(t.keep(z.max(true, 1)), 0, false);
    INDArray denominator = Transforms.exp(Transforms.abs(t.copy(z), false).negi(), false).addi(1);
    p.assign(z);
    Transforms.exp(Transforms.min(p, 0, false).subi(m), false).divi(denominator);
    INDArray scores = t.keep(p.mul(Transforms.exp(m, false)));
    p.divi(t.keep(p.sum(true, 1)));
    return scores;
  }

  /** {@code g[t, j] = scores[t, expert of (t, j)]}. */
  private static void assignChosen(INDArray g, double[] scores, Routing routing) {
    int experts = routing.numExperts();
    double[] chosen = new double[routing.topK() * (scores.length / experts)];
    for (int slot = 0; slot < chosen.length; slot++) {
      int token = slot / routing.topK();
      chosen[slot] = scores[token * experts + routing.expertOfSlot[slot]];
    }
    try (INDArray ofSlots = Transfer.fromHost(chosen, g.dataType(), g.shape())) {
      g.assign(ofSlots);
    }
  }

  /** Writes the k best experts of each token, best first; ties go to the lower number. */
  private static void choose(Routing routing, double[] logits, int tokens, double[] selectionBias) {
    int experts = routing.columns();
    int topK = routing.topK();
    double[] scores = new double[experts];
    for (int t = 0; t < tokens; t++) {
      for (int e = 0; e < experts; e++) {
        scores[e] = logits[t * experts + e] + selectionBias[e];
      }
      for (int j = 0; j < topK; j++) {
        int best = -1;
        for (int e = 0; e < experts; e++) {
          if (!taken(routing, t * topK, j, e) && (best < 0 || scores[e] > scores[best])) {
            best = e;
          }
        }
        routing.expertOfSlot[t * topK + j] = best;
      }
    }
  }

  private static boolean taken(Routing routing, int firstSlot, int count, int expert) {
    for (int slot = firstSlot; slot < firstSlot + count; slot++) {
      if (routing.expertOfSlot[slot] == expert) {
        return true;
      }
    }
    return false;
  }

  private static void count(
      Routing routing, double[] gates, double[] chosenSum, double[] logSumExp) {
    Arrays.fill(routing.gateMass, 0);
    for (int slot = 0; slot < gates.length; slot++) {
      if (routing.hasRow(slot)) {
        routing.gateMass[routing.expertOfSlot[slot]] += gates[slot];
      }
    }
    routing.scoreSum = 0;
    routing.squaredLogSumExp = 0;
    for (int t = 0; t < logSumExp.length; t++) {
      routing.scoreSum += chosenSum[t];
      routing.squaredLogSumExp += logSumExp[t] * logSumExp[t];
    }
  }

  static void backward(
      Tensor dLogits,
      Tensor dGates,
      Tensor probabilities,
      Tensor gates,
      Routing routing,
      Tensor logits,
      boolean normalize,
      double[] meanProbabilityGradient,
      double zLossCoefficient) {
    int tokens = logits.dim(0);
    int experts = routing.columns();
    boolean nulls = experts > routing.numExperts();
    try (Temporaries t = new Temporaries()) {
      INDArray p = Views.of(probabilities);
      int runs = routing.runs(meanProbabilityGradient.length);
      int run = tokens / runs;
      INDArray ofMeans =
          t.keep(Transfer.fromHost(meanProbabilityGradient, p.dataType(), runs, 1, experts));
      INDArray dP = t.zeros(p.dataType(), tokens, experts);
      dP.reshape(runs, run, experts).addi(ofMeans.divi(run));
      boolean gatesAreProbabilities = !normalize && !sigmoid(routing);
      if (gatesAreProbabilities) {
        INDArray dG = t.copy(Views.of(dGates));
        if (nulls) {
          dG.muli(ofExperts(t, routing, tokens, dG));
        }
        addToChosen(t, dP, dG, routing);
      }
      dP.subi(t.keep(t.keep(dP.mul(p)).sum(true, 1)));
      INDArray dZ = Views.of(dLogits);
      p.muli(dP, dZ);
      if (!gatesAreProbabilities) {
        INDArray g = Views.of(gates);
        INDArray dG = t.copy(Views.of(dGates));
        if (normalize) {
          dG.subi(t.keep(t.keep(dG.mul(g)).sum(true, 1)));
        }
        addToChosen(t, dZ, dG.muli(g), routing);
      }
      if (sigmoid(routing)) { // times 1 - sigmoid(z) = sigmoid(-z)
        dZ.muli(Transforms.sigmoid(t.copy(Views.of(logits)).negi(), false));
      }
      if (zLossCoefficient != 0) {
        Softmax softmax = Softmax.ofRows(t, t.copy(Views.of(logits)));
        INDArray dLogSumExp = softmax.logSumExp().muli(2 * zLossCoefficient / tokens);
        dZ.addi(softmax.probabilities().muli(dLogSumExp));
      }
    }
  }

  /** {@code target[t, expert of (t, j)] += values[t, j]}: [T, E] and, row-major, [T, k]. */
  private static void addToChosen(
      Temporaries t, INDArray target, INDArray values, Routing routing) {
    int topK = routing.topK();
    int[] expert = new int[routing.tokens()];
    INDArray chosen = t.array(target.dataType(), target.shape());
    for (int j = 0; j < topK; j++) {
      for (int token = 0; token < expert.length; token++) {
        expert[token] = routing.expertOfSlot[token * topK + j];
      }
      Ops.oneHot(chosen, expert);
      INDArray ofRank =
          Views.strided(values, j, new long[] {expert.length, 1}, new long[] {topK, 1});
      target.addi(chosen.muli(ofRank));
    }
  }
}
