package org.metier.engine.kernel.profile;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/**
 * Every op of the seam once ({@code linear} twice, {@code upload} for each input), on 6 tokens in 2
 * sequences, width 4, 2 query heads and 1 key head of width 2, 3 experts of inner width 5, top 2,
 * and 7 entries of the vocabulary.
 */
final class EveryOp {
  private static final int TOKENS = 6;
  private static final int WIDTH = 4;
  private static final int ROWS = 12;
  private static final int EXPERTS = 3;

  private final Kernels k;
  private final SplittableRandom random = new SplittableRandom(1);
  private final List<double[]> results = new ArrayList<>();
  private final AttentionShape shape = new AttentionShape(2, 3, 2, 1, 2);
  private final int[] documentStart = {0, 0, 2, 0, 1, 1};
  private final int[] ids = {1, 6, 0, 3, 3, 2};
  private final Routing routing = new Routing(TOKENS, EXPERTS, 2);

  EveryOp(Kernels kernels) {
    this.k = kernels;
  }

  /** All that the ops wrote. */
  List<double[]> run() {
    elements();
    rows();
    products();
    attention();
    experts();
    lossAndOptimiser();
    return results;
  }

  private void elements() {
    Tensor x = random(TOKENS, WIDTH);
    Tensor y = random(TOKENS, WIDTH);
    k.copy(y, x);
    k.addScaled(y, 0.5, x);
    keep(y);
    results.add(new double[] {k.squaredNorm(x)});
    k.jitter(y, x, 0.1, 1, false);
    keep(y);
    k.fill(y, 0.25);
    keep(y);
  }

  private void rows() {
    Tensor table = random(7, WIDTH);
    Tensor x = random(TOKENS, WIDTH);
    k.embedding(x, table, ids);
    k.embeddingBackward(table, x, ids);
    keep(x, table);
    Tensor out = random(TOKENS, WIDTH);
    Tensor inverse = random(TOKENS);
    Tensor weight = random(WIDTH);
    Tensor dWeight = random(WIDTH);
    Tensor dX = random(TOKENS, WIDTH);
    k.rmsNorm(out, inverse, x, weight, 1e-6);
    k.rmsNormBackward(dX, dWeight, out, inverse, x, weight);
    keep(out, inverse, dX, dWeight);
  }

  private void products() {
    Tensor out = random(TOKENS, 8);
    Tensor x = random(TOKENS, WIDTH);
    Tensor w = random(8, WIDTH);
    Tensor dW = random(8, WIDTH);
    k.linear(out, x, w, false);
    k.linear(out, x, w, true);
    k.linearInputGradient(x, out, w, false);
    k.linearWeightGradient(dW, out, x);
    keep(out, x, dW);
  }

  private void attention() {
    Tensor qkv = random(TOKENS, shape.qkvWidth());
    Tensor rotated = random(TOKENS, shape.qkvWidth());
    Tensor dQkv = random(TOKENS, shape.qkvWidth());
    Tensor inverse = random(TOKENS, 3);
    Tensor weight = random(2);
    Tensor dQuery = random(2);
    Tensor dKey = random(2);
    Tensor out = random(TOKENS, WIDTH);
    Tensor dOut = random(TOKENS, WIDTH);
    Tensor logSumExp = random(TOKENS, 2);
    k.headNormRotary(rotated, inverse, qkv, weight, weight, shape, 1e4, 1e-6);
    k.attention(out, logSumExp, rotated, documentStart, shape);
    k.attentionBackward(dQkv, dOut, out, logSumExp, rotated, documentStart, shape);
    keep(rotated, inverse, out, logSumExp, dQkv);
    k.headNormRotaryBackward(rotated, dQuery, dKey, dQkv, inverse, qkv, weight, weight, shape, 1e4);
    keep(rotated, dQuery, dKey);
  }

  private void experts() {
    Tensor x = random(TOKENS, WIDTH);
    Tensor logits = random(TOKENS, EXPERTS);
    Tensor probabilities = random(TOKENS, EXPERTS);
    Tensor dLogits = random(TOKENS, EXPERTS);
    Tensor gates = random(TOKENS, 2);
    Tensor dGates = random(TOKENS, 2);
    double[] perExpert = {0.1, 0.2, 0.3};
    k.route(probabilities, gates, routing, logits, perExpert, true);
    Tensor out = random(TOKENS, WIDTH);
    Tensor gateUp = random(ROWS, 10);
    Tensor work = random(ROWS, WIDTH);
    Tensor gateUpWeight = random(EXPERTS, 10, WIDTH);
    Tensor downWeight = random(EXPERTS, WIDTH, 5);
    k.experts(out, gateUp, work, x, x, gates, gateUpWeight, downWeight, routing);
    keep(probabilities, gates, gateUp, out);
    Tensor dX = random(TOKENS, WIDTH);
    Tensor dGateUpWeight = random(EXPERTS, 10, WIDTH);
    Tensor dDownWeight = random(EXPERTS, WIDTH, 5);
    k.expertsBackward(
        dX,
        dGates,
        dGateUpWeight,
        dDownWeight,
        work,
        out,
        gateUp,
        x,
        gates,
        gateUpWeight,
        downWeight,
        routing);
    keep(dX, dGates, dGateUpWeight, dDownWeight);
    k.routeBackward(dLogits, dGates, probabilities, gates, routing, logits, true, perExpert, 1e-3);
    keep(dLogits);
  }

  private void lossAndOptimiser() {
    double[] losses = new double[TOKENS];
    Tensor x = random(TOKENS, WIDTH);
    Tensor dX = random(TOKENS, WIDTH);
    Tensor head = random(7, WIDTH);
    Tensor dHead = random(7, WIDTH);
    k.crossEntropy(losses, x, head, ids);
    results.add(losses.clone());
    int[] argMax = new int[TOKENS];
    k.crossEntropyAndArgMax(losses, argMax, x, head, ids);
    results.add(losses.clone());
    results.add(java.util.Arrays.stream(argMax).asDoubleStream().toArray());
    k.crossEntropyWithGradient(losses, dX, dHead, x, head, ids, 0.5);
    results.add(losses);
    keep(dX, dHead);
    Tensor second = random(TOKENS, WIDTH);
    AdamWStep step = new AdamWStep(1e-2, 0.9, 0.95, 1e-8, 0.1, 0.1, 0.05, 1);
    k.adamW(x, dX, random(TOKENS, WIDTH), second, step);
    keep(x, second);
  }

  private Tensor random(int... shape) {
    Tensor tensor = new Tensor(k.allocate(Tensor.sizeOf(shape)), 0, shape);
    double[] values = random.doubles(tensor.size(), 0.1, 1).toArray();
    k.upload(tensor, values, 0);
    return tensor;
  }

  private void keep(Tensor... tensors) {
    for (Tensor tensor : tensors) {
      double[] values = new double[tensor.size()];
      k.download(values, 0, tensor);
      results.add(values);
    }
  }
}
