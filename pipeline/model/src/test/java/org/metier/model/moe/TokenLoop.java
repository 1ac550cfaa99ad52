package org.metier.model.moe;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.metier.model.ModelConfig;

/**
 * The mixture-of-experts half of a block, one token and one chosen expert at a time, in plain loops
 * over arrays: nothing is sorted, grouped or fused. What {@link MoeLayer} is held to.
 */
final class TokenLoop {
  private final ModelConfig config;
  private final Weights weights;

  /** [T, d] of the last {@link #run}. */
  final double[] out;

  /** [T, d] gradient of the last {@link #run}'s input. */
  final double[] dX;

  /** Gradients of the last {@link #run}. */
  final Weights gradients;

  /**
   * A layer's weights or their gradients.
   *
   * @param norm [d]
   * @param router [n + m, d]
   * @param gate [n][f, d]
   * @param up [n][f, d]
   * @param down [n][d, f]
   */
  record Weights(double[] norm, double[] router, double[][] gate, double[][] up, double[][] down) {
    static Weights zeros(ModelConfig c) {
      return new Weights(
          new double[c.hiddenSize()],
          new double[c.routerColumns() * c.hiddenSize()],
          matrices(c),
          matrices(c),
          matrices(c));
    }

    private static double[][] matrices(ModelConfig c) {
      return IntStream.range(0, c.numExperts())
          .mapToObj(e -> new double[c.expertWidth(e) * c.hiddenSize()])
          .toArray(double[][]::new);
    }
  }

  TokenLoop(ModelConfig config, Weights weights, int tokens) {
    this.config = config;
    this.weights = weights;
    this.out = new double[tokens * config.hiddenSize()];
    this.dX = new double[tokens * config.hiddenSize()];
    this.gradients = Weights.zeros(config);
  }

  /** Forward and backward over x and dOut [T, d]. */
  TokenLoop run(double[] x, double[] dOut) {
    int d = config.hiddenSize();
    for (int from = 0; from < x.length; from += d) {
      token(from, Arrays.copyOfRange(x, from, from + d), Arrays.copyOfRange(dOut, from, from + d));
    }
    return this;
  }

  private void token(int from, double[] x, double[] dOut) {
    int d = x.length;
    double inverseRms = 1 / Math.sqrt(dot(x, x) / d + config.rmsEpsilon());
    double[] normed = new double[d];
    for (int i = 0; i < d; i++) {
      normed[i] = weights.norm[i] * x[i] * inverseRms;
    }
    double[] logits = product(weights.router, normed);
    int[] chosen = best(logits);
    double[] p = softmax(logits);
    double share = 0;
    for (int e : chosen) {
      share += p[e];
    }

    double[] dNormed = new double[d];
    double[] dGate = new double[config.routerColumns()]; // 0 for the experts not chosen
    double[] sum = x.clone();
    for (int e : chosen) {
      double gate = config.normalizeGates() ? p[e] / share : p[e];
      double[] y = expert(e, normed, gate, dOut, dNormed);
      addScaled(sum, gate, y);
      dGate[e] = dot(y, dOut);
    }
    System.arraycopy(sum, 0, out, from, d);

    router(logits, chosen, normed, dGate, dNormed);
    double along = 0;
    for (int i = 0; i < d; i++) {
      along += dNormed[i] * weights.norm[i] * x[i];
      gradients.norm[i] += dNormed[i] * x[i] * inverseRms;
    }
    for (int i = 0; i < d; i++) {
      double through = dNormed[i] * weights.norm[i] - x[i] * inverseRms * inverseRms * along / d;
      dX[from + i] = dOut[i] + inverseRms * through;
    }
  }

  /** Returns y = Wd (silu(Wg n) ⊙ Wu n) and runs backward from gate · dOut. */
  private double[] expert(int e, double[] n, double gate, double[] dOut, double[] dNormed) {
    int f = config.expertWidth(e);
    double[] g = product(weights.gate[e], n);
    double[] u = product(weights.up[e], n);
    double[] hidden = new double[f];
    for (int i = 0; i < f; i++) {
      hidden[i] = g[i] / (1 + Math.exp(-g[i])) * u[i];
    }
    double[] dY = new double[n.length];
    addScaled(dY, gate, dOut);
    double[] dHidden = backward(weights.down[e], gradients.down[e], hidden, dY);
    double[] dG = new double[f];
    double[] dU = new double[f];
    for (int i = 0; i < f; i++) {
      double sigmoid = 1 / (1 + Math.exp(-g[i]));
      dG[i] = dHidden[i] * u[i] * sigmoid * (1 + g[i] * (1 - sigmoid));
      dU[i] = dHidden[i] * g[i] * sigmoid;
    }
    addScaled(dNormed, 1, backward(weights.gate[e], gradients.gate[e], n, dG));
    addScaled(dNormed, 1, backward(weights.up[e], gradients.up[e], n, dU));
    return product(weights.down[e], hidden);
  }

  /**
   * Normalised gates are a softmax over the chosen logits alone, others one over all: either way
   * dz_e = g_e (dg_e - Σ_i g_i dg_i) over the experts of that softmax.
   */
  private void router(
      double[] logits, int[] chosen, double[] normed, double[] dGate, double[] dNormed) {
    if (chosen.length == 0) {
      return; // all nulls: no gate, no gradient
    }
    double[] g = logits.clone();
    if (config.normalizeGates()) {
      Arrays.fill(g, Double.NEGATIVE_INFINITY);
      for (int e : chosen) {
        g[e] = logits[e];
      }
    }
    g = softmax(g);
    double mean = dot(g, dGate);
    double[] dLogits = new double[g.length];
    for (int e = 0; e < g.length; e++) {
      dLogits[e] = g[e] * (dGate[e] - mean);
    }
    addScaled(dNormed, 1, backward(weights.router, gradients.router, normed, dLogits));
  }

  /** The chosen columns but for the nulls. */
  private int[] best(double[] logits) {
    return IntStream.range(0, logits.length)
        .boxed()
        .sorted((a, b) -> Double.compare(logits[b], logits[a]))
        .limit(config.topK())
        .filter(e -> e < config.numExperts())
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private static double[] softmax(double[] logits) {
    double[] p = new double[logits.length];
    double sum = 0;
    for (int e = 0; e < p.length; e++) {
      p[e] = Math.exp(logits[e]);
      sum += p[e];
    }
    for (int e = 0; e < p.length; e++) {
      p[e] /= sum;
    }
    return p;
  }

  /** w x with w [n, x.length]. */
  private static double[] product(double[] w, double[] x) {
    double[] y = new double[w.length / x.length];
    for (int i = 0; i < w.length; i++) {
      y[i / x.length] += w[i] * x[i % x.length];
    }
    return y;
  }

  /** Backward of y = w x: adds to dW and returns dX. */
  private static double[] backward(double[] w, double[] dW, double[] x, double[] dY) {
    double[] dX = new double[x.length];
    for (int i = 0; i < w.length; i++) {
      dW[i] += dY[i / x.length] * x[i % x.length];
      dX[i % x.length] += dY[i / x.length] * w[i];
    }
    return dX;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static void addScaled(double[] sum, double factor, double[] x) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += factor * x[i];
    }
  }
}
