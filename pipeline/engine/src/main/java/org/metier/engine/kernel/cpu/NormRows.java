package org.metier.engine.kernel.cpu;

/** The inner loops of the norms, by the rules of {@link Rows}. */
interface NormRows {

  /**
   * One row of the backward pass of RMS norm: adds to {@code dX} and to {@code dW}.
   *
   * @param inverse 1 / rms of the row
   */
  void rmsNormBackward(
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
      int n);

  /**
   * RMS norm and rotation of {@code heads} heads of one token, side by side in {@code x}: {@code y
   * = x ⊙ w · inverse}, then pairs (y[i], y[i + half]) rotated by the angle whose cosine and sine
   * lie at {@code table + i} and {@code table + half + i} of {@code rotation}. Leaves each head's
   * {@code 1 / sqrt(mean x² + ε)} in {@code inverse}.
   */
  void normRotate(
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
      double epsilon);

  /** Backward pass of {@link #normRotate}: overwrites dX, adds to dW. */
  void normRotateBackward(
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
      int heads);
}
