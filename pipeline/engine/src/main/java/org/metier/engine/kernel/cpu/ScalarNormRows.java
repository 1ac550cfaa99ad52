package org.metier.engine.kernel.cpu;

/** {@link NormRows} in plain Java: what {@link VectorNormRows} is held to, and its stand-in. */
final class ScalarNormRows implements NormRows {
  private final ScalarRows rows;

  ScalarNormRows(ScalarRows rows) {
    this.rows = rows;
  }

  @Override
  public void rmsNormBackward(
      float[] dX,
      int dXOffset,
      float[] dW,
      int dWOffset,
      float[] dOut,
      int dOutOffset,
      float[] x,
      int xOffset,
      float[] w,
      int wOffset,
      float inverse,
      int n) {
    float dot = 0;
    for (int i = 0; i < n; i++) {
      float gradient = dOut[dOutOffset + i];
      float normed = x[xOffset + i] * inverse;
      dot = Math.fma(gradient * w[wOffset + i], normed, dot);
      dW[dWOffset + i] = Math.fma(gradient, normed, dW[dWOffset + i]);
    }
    float mean = dot / n;
    for (int i = 0; i < n; i++) {
      float normed = x[xOffset + i] * inverse;
      float inner = Math.fma(-mean, normed, dOut[dOutOffset + i] * w[wOffset + i]);
      dX[dXOffset + i] = Math.fma(inverse, inner, dX[dXOffset + i]);
    }
  }

  @Override
  public void normRotate(
      float[] out,
      int outOffset,
      float[] inverse,
      int inverseOffset,
      float[] x,
      int xOffset,
      float[] w,
      int wOffset,
      float[] rotation,
      int table,
      int half,
      int heads,
      double epsilon) {
    for (int h = 0; h < heads; h++) {
      int in = xOffset + 2 * h * half;
      int to = outOffset + 2 * h * half;
      float factor = RmsNorm.inverse(rows.dot(x, in, x, in, 2 * half), 2 * half, epsilon);
      inverse[inverseOffset + h] = factor;
      for (int i = 0; i < half; i++) {
        float a = factor * x[in + i] * w[wOffset + i];
        float b = factor * x[in + half + i] * w[wOffset + half + i];
        float cos = rotation[table + i];
        float sin = rotation[table + half + i];
        out[to + i] = Math.fma(a, cos, -(b * sin));
        out[to + half + i] = Math.fma(b, cos, a * sin);
      }
    }
  }

  @Override
  public void normRotateBackward(
      float[] dX,
      int dXOffset,
      float[] dW,
      int dWOffset,
      float[] dOut,
      int dOutOffset,
      float[] inverse,
      int inverseOffset,
      float[] x,
      int xOffset,
      float[] w,
      int wOffset,
      float[] rotation,
      int table,
      int half,
      int heads) {
    for (int h = 0; h < heads; h++) {
      int head = 2 * h * half;
      float factor = inverse[inverseOffset + h];
      float dot = 0;
      for (int i = 0; i < half; i++) {
        int j = half + i;
        float cos = rotation[table + i];
        float sin = rotation[table + j];
        float turnedA = dOut[dOutOffset + head + i];
        float turnedB = dOut[dOutOffset + head + j];
        // The transpose of a rotation turns back.
        float da = Math.fma(turnedA, cos, turnedB * sin);
        float db = Math.fma(turnedB, cos, -(turnedA * sin));
        float a = x[xOffset + head + i] * factor;
        float b = x[xOffset + head + j] * factor;
        dW[dWOffset + i] = Math.fma(da, a, dW[dWOffset + i]);
        dW[dWOffset + j] = Math.fma(db, b, dW[dWOffset + j]);
        da *= w[wOffset + i];
        db *= w[wOffset + j];
        dot = Math.fma(da, a, Math.fma(db, b, dot));
        dX[dXOffset + head + i] = da;
        dX[dXOffset + head + j] = db;
      }
      float mean = dot / (2 * half);
      for (int i = head; i < head + 2 * half; i++) {
        float normed = x[xOffset + i] * factor;
        dX[dXOffset + i] = factor * Math.fma(-mean, normed, dX[dXOffset + i]);
      }
    }
  }
}
