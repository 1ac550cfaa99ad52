package org.metier.engine.kernel.contract;

/**
 * A SwiGLU feed-forward layer {@code y = W (silu(g) ⊙ u)} with {@code [g | u] = V x}, one token at
 * a time, in double and in plain loops: no op of any backend takes part.
 */
final class FeedForward {
  private final double[] in;
  private final double[] out;
  private final int hidden;

  /** Gradient of V, added to by {@link #backward}. */
  final double[] dIn;

  /** Gradient of W, added to by {@link #backward}. */
  final double[] dOut;

  /**
   * @param in V [2f, d]
   * @param out W [d, f]
   */
  FeedForward(double[] in, double[] out, int hidden) {
    this.in = in;
    this.out = out;
    this.hidden = hidden;
    this.dIn = new double[in.length];
    this.dOut = new double[out.length];
  }

  /** y of one token. */
  double[] forward(double[] x) {
    return product(out, activated(product(in, x)));
  }

  /** Gradient of one token; adds to those of the weights. */
  double[] backward(double[] x, double[] dY) {
    double[] gateUp = product(in, x);
    double[] dHidden = productGradient(out, dOut, activated(gateUp), dY);
    double[] dGateUp = new double[2 * hidden];
    for (int i = 0; i < hidden; i++) {
      double g = gateUp[i];
      double sigmoid = 1 / (1 + Math.exp(-g));
      dGateUp[i] = dHidden[i] * gateUp[hidden + i] * sigmoid * (1 + g * (1 - sigmoid));
      dGateUp[hidden + i] = dHidden[i] * g * sigmoid;
    }
    return productGradient(in, dIn, x, dGateUp);
  }

  private double[] activated(double[] gateUp) {
    double[] h = new double[hidden];
    for (int i = 0; i < hidden; i++) {
      h[i] = gateUp[i] / (1 + Math.exp(-gateUp[i])) * gateUp[hidden + i];
    }
    return h;
  }

  /** w x with w [n, x.length]. */
  static double[] product(double[] w, double[] x) {
    double[] y = new double[w.length / x.length];
    for (int i = 0; i < w.length; i++) {
      y[i / x.length] += w[i] * x[i % x.length];
    }
    return y;
  }

  /** Backward pass of {@code y = w x}: adds to dW and returns the gradient of x. */
  static double[] productGradient(double[] w, double[] dW, double[] x, double[] dY) {
    double[] dX = new double[x.length];
    for (int i = 0; i < w.length; i++) {
      dW[i] += dY[i / x.length] * x[i % x.length];
      dX[i % x.length] += dY[i / x.length] * w[i];
    }
    return dX;
  }
}
