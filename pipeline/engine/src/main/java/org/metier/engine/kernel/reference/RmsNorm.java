package org.metier.engine.kernel.reference;

/**
 * RMS norm (Zhang and Sennrich, arXiv 1910.07467). With r = 1 / sqrt(mean(x²) + ε) and y = w ⊙ x r:
 * {@code dw_i += dy_i x_i r} and {@code dx_i += r w_i dy_i - x_i r³/d Σ_j w_j dy_j x_j}.
 */
final class RmsNorm {
  private RmsNorm() {}

  static void forward(View out, View inverseRms, View x, View weight, double epsilon) {
    x.requireRank("rmsNorm x", 2);
    int tokens = x.dim(0);
    int width = x.dim(1);
    out.requireShape("rmsNorm out", tokens, width);
    inverseRms.requireShape("rmsNorm inverseRms", tokens);
    weight.requireShape("rmsNorm weight", width);
    out.requireDisjoint("rmsNorm out", inverseRms, x, weight);
    inverseRms.requireDisjoint("rmsNorm inverseRms", x, weight);

    for (int t = 0; t < tokens; t++) {
      double squares = 0;
      for (int i = 0; i < width; i++) {
        squares += x.get(t, i) * x.get(t, i);
      }
      double r = 1 / Math.sqrt(squares / width + epsilon);
      inverseRms.set(t, r);
      for (int i = 0; i < width; i++) {
        out.set(t, i, weight.get(i) * x.get(t, i) * r);
      }
    }
  }

  static void backward(View dX, View dWeight, View dOut, View inverseRms, View x, View weight) {
    x.requireRank("rmsNormBackward x", 2);
    int tokens = x.dim(0);
    int width = x.dim(1);
    dX.requireShape("rmsNormBackward dX", tokens, width);
    dWeight.requireShape("rmsNormBackward dWeight", width);
    dOut.requireShape("rmsNormBackward dOut", tokens, width);
    inverseRms.requireShape("rmsNormBackward inverseRms", tokens);
    weight.requireShape("rmsNormBackward weight", width);
    dX.requireDisjoint("rmsNormBackward dX", dWeight, dOut, inverseRms, x, weight);
    dWeight.requireDisjoint("rmsNormBackward dWeight", dOut, inverseRms, x, weight);

    for (int t = 0; t < tokens; t++) {
      double r = inverseRms.get(t);
      double dot = 0;
      for (int i = 0; i < width; i++) {
        dot += weight.get(i) * dOut.get(t, i) * x.get(t, i);
        dWeight.add(i, dOut.get(t, i) * x.get(t, i) * r);
      }
      for (int i = 0; i < width; i++) {
        dX.add(t, i, r * weight.get(i) * dOut.get(t, i) - x.get(t, i) * r * r * r / width * dot);
      }
    }
  }
}
