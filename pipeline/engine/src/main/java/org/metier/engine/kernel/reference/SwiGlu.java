package org.metier.engine.kernel.reference;

/**
 * {@code out = silu(g) ⊙ u} with gateUp = [g | u] (Shazeer, arXiv 2002.05202) and silu(g) = g σ(g).
 * {@code du = dout silu(g)}, {@code dg = dout u σ(g) (1 + g (1 - σ(g)))}.
 */
final class SwiGlu {
  private SwiGlu() {}

  static void forward(View out, View gateUp) {
    out.requireRank("swiGlu out", 2);
    gateUp.requireShape("swiGlu gateUp", out.dim(0), 2 * out.dim(1));
    out.requireDisjoint("swiGlu out", gateUp);
    int width = out.dim(1);
    for (int row = 0; row < out.dim(0); row++) {
      for (int i = 0; i < width; i++) {
        double g = gateUp.get(row, i);
        double u = gateUp.get(row, width + i);
        out.set(row, i, g * sigmoid(g) * u);
      }
    }
  }

  static void backward(View dGateUp, View dOut, View gateUp) {
    dOut.requireRank("swiGluBackward dOut", 2);
    gateUp.requireShape("swiGluBackward gateUp", dOut.dim(0), 2 * dOut.dim(1));
    dGateUp.requireShape("swiGluBackward dGateUp", dOut.dim(0), 2 * dOut.dim(1));
    dGateUp.requireDisjoint("swiGluBackward dGateUp", dOut, gateUp);
    int width = dOut.dim(1);
    for (int row = 0; row < dOut.dim(0); row++) {
      for (int i = 0; i < width; i++) {
        double g = gateUp.get(row, i);
        double u = gateUp.get(row, width + i);
        double sigma = sigmoid(g);
        dGateUp.set(row, i, dOut.get(row, i) * u * sigma * (1 + g * (1 - sigma)));
        dGateUp.set(row, width + i, dOut.get(row, i) * g * sigma);
      }
    }
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }
}
