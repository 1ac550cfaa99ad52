package org.metier.engine.kernel.contract;

import java.util.Arrays;
import org.metier.engine.tensor.Tensor;

/**
 * What {@link ExpertLayer} stands for: every token by itself through a {@link FeedForward} for each
 * of its two experts, in double and in plain loops. Nothing is sorted, grouped or fused.
 */
final class TokenLoop {
  final double[] out;
  final double[] dX;
  final double[] dRouter;
  private final double[] router;
  private final FeedForward[] experts;
  private final int width;

  /** Forward and backward pass; the arguments are those of {@link ExpertLayer}. */
  TokenLoop(Trial trial, Tensor x, Tensor router, Tensor in, Tensor outWeight, Tensor dOut) {
    width = x.dim(1);
    this.router = trial.read(router);
    experts = new FeedForward[router.dim(0)];
    for (int e = 0; e < experts.length; e++) {
      experts[e] =
          new FeedForward(
              trial.read(in.rows(e, 1)), trial.read(outWeight.rows(e, 1)), outWeight.dim(2));
    }
    out = new double[x.size()];
    dX = new double[x.size()];
    dRouter = new double[router.size()];
    for (int t = 0; t < x.dim(0); t++) {
      token(t * width, trial.read(x.rows(t, 1)), trial.read(dOut.rows(t, 1)));
    }
  }

  private void token(int from, double[] x, double[] dOut) {
    double[] z = FeedForward.product(router, x);
    int[] best = twoLargest(z);
    // Normalised gates are a softmax over the chosen logits alone.
    double first = 1 / (1 + Math.exp(z[best[1]] - z[best[0]]));
    double[] gates = {first, 1 - first};
    double[] dGates = new double[2];
    double[] sum = x.clone();
    double[] dSum = dOut.clone();
    for (int j = 0; j < 2; j++) {
      double[] y = experts[best[j]].forward(x);
      double[] dY = new double[width];
      for (int i = 0; i < width; i++) {
        sum[i] += gates[j] * y[i];
        dY[i] = gates[j] * dOut[i];
        dGates[j] += y[i] * dOut[i];
      }
      add(dSum, experts[best[j]].backward(x, dY));
    }
    // dz_j = g_j (dg_j - Σ_i g_i dg_i), which for two is g_0 g_1 (dg_j - dg_other)
    double[] dZ = new double[z.length];
    dZ[best[0]] = gates[0] * gates[1] * (dGates[0] - dGates[1]);
    dZ[best[1]] = -dZ[best[0]];
    add(dSum, FeedForward.productGradient(router, dRouter, x, dZ));
    System.arraycopy(sum, 0, out, from, width);
    System.arraycopy(dSum, 0, dX, from, width);
  }

  /** [E, 2f, d]. */
  double[] dIn() {
    return Arrays.stream(experts).flatMapToDouble(e -> Arrays.stream(e.dIn)).toArray();
  }

  /** [E, d, f]. */
  double[] dOutWeight() {
    return Arrays.stream(experts).flatMapToDouble(e -> Arrays.stream(e.dOut)).toArray();
  }

  private static void add(double[] sum, double[] x) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += x[i];
    }
  }

  private static int[] twoLargest(double[] z) {
    int first = 0;
    for (int e = 1; e < z.length; e++) {
      first = z[e] > z[first] ? e : first;
    }
    int second = first == 0 ? 1 : 0;
    for (int e = 0; e < z.length; e++) {
      second = e != first && z[e] > z[second] ? e : second;
    }
    return new int[] {first, second};
  }
}
