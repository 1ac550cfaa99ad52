package org.metier.engine.kernel.cpu;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The inner loops of all ops that are not matrix products, each on one row: {@code n} consecutive
 * elements of an array from an offset. {@link VectorRows} is the fast one, {@link ScalarRows} its
 * plain twin for a JVM without the Vector API. Destinations come first and never overlap sources.
 */
interface Rows {

  /** The Vector API, or plain Java with one warning per process if the module is absent. */
  static Rows best() {
    return Best.INSTANCE;
  }

  /** Floats that one instruction works on; 1 without the Vector API. */
  int vectorLength();

  /** Σ a·b. */
  float dot(float[] a, int aOffset, float[] b, int bOffset, int n);

  /** Σ x², squared and summed in double. */
  double sumOfSquares(float[] x, int xOffset, int n);

  /** max x; n is at least 1. */
  float max(float[] x, int xOffset, int n);

  /** {@code x *= factor}. */
  void scale(float[] x, int xOffset, float factor, int n);

  /** {@code out = factor · x}. */
  void scaleInto(float[] out, int outOffset, float factor, float[] x, int xOffset, int n);

  /** {@code out += factor · x}. */
  void addScaled(float[] out, int outOffset, float factor, float[] x, int xOffset, int n);

  /** {@code out = factor · x ⊙ w}. */
  void scaleInto(
      float[] out,
      int outOffset,
      float factor,
      float[] x,
      int xOffset,
      float[] w,
      int wOffset,
      int n);

  /** The inner loops of the norms, of the same kind. */
  NormRows norms();

  /** {@code x = exp(x - shift)}; returns the sum. */
  float expAndSum(float[] x, int xOffset, float shift, int n);

  /** {@code s = exp(s - shift); d = s · (d - mean)}: a row of attention's backward pass. */
  void softmaxBackward(
      float[] s, int sOffset, float[] d, int dOffset, float shift, float mean, int n);

  /** {@code out = silu(g) ⊙ u} with [g | u] at {@code gateUp}. */
  void swiGlu(float[] out, int outOffset, float[] gateUp, int gateUpOffset, int n);

  /**
   * Backward pass of {@code gate · silu(g) ⊙ u} = gate · hidden: overwrites [dg | du] at {@code
   * dGateUp}; turns {@code dHidden}, the gradient with respect to the product, into gate · hidden;
   * returns that of the gate, ⟨hidden, dHidden⟩.
   */
  float swiGluBackward(
      float[] dGateUp,
      int dGateUpOffset,
      float[] dHidden,
      int dHiddenOffset,
      float gate,
      float[] gateUp,
      int gateUpOffset,
      int n);

  /** One AdamW update; the numbers are resolved by {@link AdamW}. */
  void adamW(
      float[] w,
      int wOffset,
      float[] g,
      int gOffset,
      float[] m,
      int mOffset,
      float[] v,
      int vOffset,
      AdamW.Factors factors,
      int n);

  /** Chosen once per process, when first asked for. */
  final class Best {
    private static final Logger LOG = LoggerFactory.getLogger(Rows.class);
    static final Rows INSTANCE = choose();

    private Best() {}

    private static Rows choose() {
      try {
        return new VectorRows();
      } catch (LinkageError absent) {
        LOG.warn(
            "the Vector API is absent: loops run in plain Java, several times slower;"
                + " add --add-modules=jdk.incubator.vector to the JVM's options");
        return new ScalarRows();
      }
    }
  }
}
