package org.metier.engine.kernel.cpu;

/** {@link Rows} in plain Java: what {@link VectorRows} is held to, and its stand-in. */
final class ScalarRows implements Rows {
  static final float LOG2_E = 1.44269504f;

  /** ln 2 in two parts, so that n · ln 2 is subtracted without losing digits. */
  static final float LN2_HIGH = 0.693359375f;

  static final float LN2_LOW = -2.12194440e-4f;

  /** Adding 1.5 · 2^23 rounds to an integer and leaves it in the low bits of the sum. */
  static final float ROUND = 12582912f;

  /** Below this exp is 0: the smallest results that are exact are near 2^-125. */
  static final float EXP_MIN = -86.6f;

  /** Above this exp stays at 2.4e38, just below the largest float. */
  static final float EXP_MAX = 88.37f;

  /** e^r = 1 + r + EXP_2 r² + ... for |r| ≤ ln 2 / 2 (Cephes' expf). */
  static final float EXP_2 = 5.0000001201e-1f;

  static final float EXP_3 = 1.6666665459e-1f;
  static final float EXP_4 = 4.1665795894e-2f;
  static final float EXP_5 = 8.3334519073e-3f;
  static final float EXP_6 = 1.3981999507e-3f;
  static final float EXP_7 = 1.9875691500e-4f;

  /**
   * e^x within about 1 ulp. Not {@code Math.exp}, and in {@link VectorRows} not the Vector API's
   * EXP: their bits depend on the machine and on whether the code has been compiled yet.
   */
  static float exp(float x) {
    if (x < EXP_MIN) {
      return 0;
    }
    float bounded = Math.min(x, EXP_MAX);
    float shifted = Math.fma(bounded, LOG2_E, ROUND);
    float n = shifted - ROUND;
    float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, bounded));
    float p = Math.fma(EXP_7, r, EXP_6);
    p = Math.fma(p, r, EXP_5);
    p = Math.fma(p, r, EXP_4);
    p = Math.fma(p, r, EXP_3);
    p = Math.fma(p, r, EXP_2);
    p = Math.fma(p, r, 1);
    p = Math.fma(p, r, 1);
    return Float.intBitsToFloat(
        Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(shifted) << 23));
  }

  private static float sigmoid(float x) {
    return 1 / (1 + exp(-x));
  }

  @Override
  public int vectorLength() {
    return 1;
  }

  @Override
  public float dot(float[] a, int aOffset, float[] b, int bOffset, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      sum = Math.fma(a[aOffset + i], b[bOffset + i], sum);
    }
    return sum;
  }

  @Override
  public double sumOfSquares(float[] x, int xOffset, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
      double value = x[xOffset + i];
      sum = Math.fma(value, value, sum);
    }
    return sum;
  }

  @Override
  public float max(float[] x, int xOffset, int n) {
    float max = x[xOffset];
    for (int i = 1; i < n; i++) {
      max = Math.max(max, x[xOffset + i]);
    }
    return max;
  }

  @Override
  public void scale(float[] x, int xOffset, float factor, int n) {
    for (int i = 0; i < n; i++) {
      x[xOffset + i] *= factor;
    }
  }

  @Override
  public void scaleInto(float[] out, int outOffset, float factor, float[] x, int xOffset, int n) {
    for (int i = 0; i < n; i++) {
      out[outOffset + i] = factor * x[xOffset + i];
    }
  }

  @Override
  public void addScaled(float[] out, int outOffset, float factor, float[] x, int xOffset, int n) {
    for (int i = 0; i < n; i++) {
      out[outOffset + i] = Math.fma(factor, x[xOffset + i], out[outOffset + i]);
    }
  }

  @Override
  public void scaleInto(
      float[] out,
      int outOffset,
      float factor,
      float[] x,
      int xOffset,
      float[] w,
      int wOffset,
      int n) {
    for (int i = 0; i < n; i++) {
      out[outOffset + i] = factor * x[xOffset + i] * w[wOffset + i];
    }
  }

  @Override
  public NormRows norms() {
    return new ScalarNormRows(this);
  }

  @Override
  public float expAndSum(float[] x, int xOffset, float shift, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      float e = exp(x[xOffset + i] - shift);
      x[xOffset + i] = e;
      sum += e;
    }
    return sum;
  }

  @Override
  public void softmaxBackward(
      float[] s, int sOffset, float[] d, int dOffset, float shift, float mean, int n) {
    for (int i = 0; i < n; i++) {
      float p = exp(s[sOffset + i] - shift);
      s[sOffset + i] = p;
      d[dOffset + i] = p * (d[dOffset + i] - mean);
    }
  }

  @Override
  public void swiGlu(float[] out, int outOffset, float[] gateUp, int gateUpOffset, int n) {
    for (int i = 0; i < n; i++) {
      float g = gateUp[gateUpOffset + i];
      out[outOffset + i] = g * sigmoid(g) * gateUp[gateUpOffset + n + i];
    }
  }

  @Override
  public float swiGluBackward(
      float[] dGateUp,
      int dGateUpOffset,
      float[] dHidden,
      int dHiddenOffset,
      float gate,
      float[] gateUp,
      int gateUpOffset,
      int n) {
    float dGate = 0;
    for (int i = 0; i < n; i++) {
      float g = gateUp[gateUpOffset + i];
      float u = gateUp[gateUpOffset + n + i];
      float gradient = dHidden[dHiddenOffset + i];
      float s = sigmoid(g);
      float silu = g * s;
      // silu' = s + g s (1 - s) = s + silu - silu s
      float slope = Math.fma(-silu, s, s + silu);
      float hidden = silu * u;
      dGate = Math.fma(hidden, gradient, dGate);
      float scaled = gradient * gate;
      dGateUp[dGateUpOffset + i] = scaled * u * slope;
      dGateUp[dGateUpOffset + n + i] = scaled * silu;
      dHidden[dHiddenOffset + i] = hidden * gate;
    }
    return dGate;
  }

  @Override
  public void adamW(
      float[] w,
      int wOffset,
      float[] g,
      int gOffset,
      float[] m,
      int mOffset,
      float[] v,
      int vOffset,
      AdamW.Factors f,
      int n) {
    for (int i = 0; i < n; i++) {
      float gradient = f.gradientScale() * g[gOffset + i];
      float first = Math.fma(f.newFirst(), gradient, f.keepFirst() * m[mOffset + i]);
      float second = Math.fma(f.newSecond() * gradient, gradient, f.keepSecond() * v[vOffset + i]);
      m[mOffset + i] = first;
      v[vOffset + i] = second;
      float root = (float) Math.sqrt(second * f.secondCorrection()) + f.epsilon();
      float old = w[wOffset + i];
      w[wOffset + i] = old - Math.fma(f.decay(), old, f.rate() * first / root);
    }
  }
}
