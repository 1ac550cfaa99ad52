package org.metier.engine.kernel.cpu;

/** One token of a router whose scores are sigmoids; the formulas are those of the reference. */
final class SigmoidRows {
  private SigmoidRows() {}

  /**
   * Sigmoids times {@code e^-m}, with m = min(0, max z): so a row of very negative logits keeps its
   * proportions, where the sigmoids themselves would all vanish.
   *
   * @param out [E], overwritten
   * @return {@code e^m}
   */
  static double forward(float[] out, int row, float[] z, int zRow, int experts) {
    float max = Float.NEGATIVE_INFINITY;
    for (int e = 0; e < experts; e++) {
      max = Math.max(max, z[zRow + e]);
    }
    float m = Math.min(0, max);
    for (int e = 0; e < experts; e++) {
      out[row + e] = sigmoid(z[zRow + e], m);
    }
    return Math.exp(m);
  }

  /** {@code sigmoid(z) · e^-m} for m ≤ 0, and z ≤ m if m < 0. */
  private static float sigmoid(float z, float m) {
    return ScalarRows.exp(Math.min(z, 0) - m) / (1 + ScalarRows.exp(-Math.abs(z)));
  }

  /** Gates: the chosen sigmoids, divided by their sum if {@code normalize}. */
  static void gates(
      float[] g, int gRow, float[] z, int zRow, int[] chosen, int slot, int k, boolean normalize) {
    float max = Float.NEGATIVE_INFINITY;
    for (int j = 0; j < k; j++) {
      max = Math.max(max, z[zRow + chosen[slot + j]]);
    }
    float m = normalize ? Math.min(0, max) : 0;
    double sum = 0;
    for (int j = 0; j < k; j++) {
      g[gRow + j] = sigmoid(z[zRow + chosen[slot + j]], m);
      sum += g[gRow + j];
    }
    for (int j = 0; j < k && normalize; j++) {
      g[gRow + j] = (float) (g[gRow + j] / sum);
    }
  }

  /**
   * {@code dz = (1 - s) dz + zScale · logsumexp(z) · softmax(z)}, in place.
   *
   * @param zScale 2 c / T of the z-loss
   */
  static void backward(float[] dZ, int row, float[] z, int zRow, int experts, double zScale) {
    for (int e = 0; e < experts; e++) {
      dZ[row + e] /= 1 + ScalarRows.exp(z[zRow + e]);
    }
    if (zScale == 0) {
      return;
    }
    float max = Float.NEGATIVE_INFINITY;
    for (int e = 0; e < experts; e++) {
      max = Math.max(max, z[zRow + e]);
    }
    float sum = 0;
    for (int e = 0; e < experts; e++) {
      sum += ScalarRows.exp(z[zRow + e] - max);
    }
    double scale = zScale * (max + Math.log(sum)) / sum;
    for (int e = 0; e < experts; e++) {
      dZ[row + e] += (float) (scale * ScalarRows.exp(z[zRow + e] - max));
    }
  }
}
