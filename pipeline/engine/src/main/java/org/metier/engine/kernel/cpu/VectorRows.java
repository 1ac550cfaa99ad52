package org.metier.engine.kernel.cpu;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromArray;
import static jdk.incubator.vector.FloatVector.zero;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link Rows} with the Vector API, which nothing else uses but {@link VectorNormRows}. What does
 * not fill a vector is left to {@link ScalarRows}; both compute the same expressions, so an
 * element's result does not depend on which of them did it. Sums add lane by lane in an order that
 * is written down here ({@link #sum}): the API leaves the order of its own reductions open.
 *
 * <p>No method takes or returns a vector. The compiler keeps vectors in registers within one
 * compiled method only; whether it inlines a call depends on what it has compiled before, and a
 * vector that crosses a call that stays becomes an object on the heap: half of all runs lost 10 %
 * of their speed so, and made gigabytes of garbage.
 */
final class VectorRows implements Rows {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();
  private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
  private static final ScalarRows TAIL = new ScalarRows();

  /** Where a vector's lanes are laid down to be summed; 0 beyond them. */
  static final ThreadLocal<float[]> LANES_OF_SUM =
      ThreadLocal.withInitial(() -> new float[Math.max(16, LANES)]);

  static float sum(float[] lanes) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    for (int i = 0; i < lanes.length; i += 4) {
      a += lanes[i];
      b += lanes[i + 1];
      c += lanes[i + 2];
      d += lanes[i + 3];
    }
    return (a + b) + (c + d);
  }

  /** Elements in whole vectors. */
  private static int whole(int n) {
    return n - n % LANES;
  }

  @Override
  public int vectorLength() {
    return LANES;
  }

  @Override
  public float dot(float[] a, int aOffset, float[] b, int bOffset, int n) {
    int end = whole(n);
    int unrolled = n - n % (4 * LANES);
    FloatVector sum0 = zero(SPECIES);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    int i = 0;
    for (; i < unrolled; i += 4 * LANES) {
      int p = aOffset + i;
      int q = bOffset + i;
      sum0 = fromArray(SPECIES, a, p).fma(fromArray(SPECIES, b, q), sum0);
      sum1 = fromArray(SPECIES, a, p + LANES).fma(fromArray(SPECIES, b, q + LANES), sum1);
      sum2 = fromArray(SPECIES, a, p + 2 * LANES).fma(fromArray(SPECIES, b, q + 2 * LANES), sum2);
      sum3 = fromArray(SPECIES, a, p + 3 * LANES).fma(fromArray(SPECIES, b, q + 3 * LANES), sum3);
    }
    for (; i < end; i += LANES) {
      sum0 = fromArray(SPECIES, a, aOffset + i).fma(fromArray(SPECIES, b, bOffset + i), sum0);
    }
    float[] lanes = LANES_OF_SUM.get();
    sum0.add(sum1).add(sum2.add(sum3)).intoArray(lanes, 0);
    float sum = sum(lanes);
    return end == n ? sum : sum + TAIL.dot(a, aOffset + end, b, bOffset + end, n - end);
  }

  @Override
  public double sumOfSquares(float[] x, int xOffset, int n) {
    int end = whole(n);
    DoubleVector low = DoubleVector.zero(DOUBLES);
    DoubleVector high = low;
    for (int i = 0; i < end; i += LANES) {
      FloatVector lanes = fromArray(SPECIES, x, xOffset + i);
      DoubleVector a = (DoubleVector) lanes.convertShape(VectorOperators.F2D, DOUBLES, 0);
      DoubleVector b = (DoubleVector) lanes.convertShape(VectorOperators.F2D, DOUBLES, 1);
      low = a.fma(a, low);
      high = b.fma(b, high);
    }
    DoubleVector lanes = low.add(high);
    double sum = TAIL.sumOfSquares(x, xOffset + end, n - end);
    for (int lane = 0; lane < DOUBLES.length(); lane++) {
      sum += lanes.lane(lane);
    }
    return sum;
  }

  @Override
  public float max(float[] x, int xOffset, int n) {
    int end = whole(n);
    float max = Float.NEGATIVE_INFINITY;
    if (end > 0) {
      int unrolled = n - n % (2 * LANES);
      // One comparison each: the API's max also orders zeros and NaNs, at several times the cost.
      FloatVector max0 = fromArray(SPECIES, x, xOffset);
      FloatVector max1 = max0;
      int i = 0;
      for (; i < unrolled; i += 2 * LANES) {
        FloatVector a = fromArray(SPECIES, x, xOffset + i);
        FloatVector b = fromArray(SPECIES, x, xOffset + i + LANES);
        max0 = max0.blend(a, a.compare(VectorOperators.GT, max0));
        max1 = max1.blend(b, b.compare(VectorOperators.GT, max1));
      }
      for (; i < end; i += LANES) {
        FloatVector a = fromArray(SPECIES, x, xOffset + i);
        max0 = max0.blend(a, a.compare(VectorOperators.GT, max0));
      }
      max =
          max0.blend(max1, max1.compare(VectorOperators.GT, max0)).reduceLanes(VectorOperators.MAX);
    }
    return end == n ? max : Math.max(max, TAIL.max(x, xOffset + end, n - end));
  }

  @Override
  public void scale(float[] x, int xOffset, float factor, int n) {
    int end = whole(n);
    for (int i = 0; i < end; i += LANES) {
      fromArray(SPECIES, x, xOffset + i).mul(factor).intoArray(x, xOffset + i);
    }
    TAIL.scale(x, xOffset + end, factor, n - end);
  }

  @Override
  public void scaleInto(float[] out, int outOffset, float factor, float[] x, int xOffset, int n) {
    int end = whole(n);
    for (int i = 0; i < end; i += LANES) {
      fromArray(SPECIES, x, xOffset + i).mul(factor).intoArray(out, outOffset + i);
    }
    TAIL.scaleInto(out, outOffset + end, factor, x, xOffset + end, n - end);
  }

  @Override
  public void addScaled(float[] out, int outOffset, float factor, float[] x, int xOffset, int n) {
    FloatVector factors = broadcast(SPECIES, factor);
    int end = whole(n);
    for (int i = 0; i < end; i += LANES) {
      factors
          .fma(fromArray(SPECIES, x, xOffset + i), fromArray(SPECIES, out, outOffset + i))
          .intoArray(out, outOffset + i);
    }
    TAIL.addScaled(out, outOffset + end, factor, x, xOffset + end, n - end);
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
    int end = whole(n);
    for (int i = 0; i < end; i += LANES) {
      fromArray(SPECIES, x, xOffset + i)
          .mul(factor)
          .mul(fromArray(SPECIES, w, wOffset + i))
          .intoArray(out, outOffset + i);
    }
    TAIL.scaleInto(out, outOffset + end, factor, x, xOffset + end, w, wOffset + end, n - end);
  }

  @Override
  public NormRows norms() {
    return new VectorNormRows(this);
  }

  /**
   * {@code out = exp(factor · x - shift)} by the steps of {@link ScalarRows#exp}; returns the sum.
   * n is a multiple of the lanes.
   */
  private static float exp(
      float[] out, int outOffset, float factor, float[] x, int xOffset, float shift, int n) {
    FloatVector factors = broadcast(SPECIES, factor);
    FloatVector minusShift = broadcast(SPECIES, -shift);
    FloatVector sum = zero(SPECIES);
    for (int i = 0; i < n; i += LANES) {
      FloatVector y = factors.fma(fromArray(SPECIES, x, xOffset + i), minusShift);
      FloatVector bounded =
          y.blend(ScalarRows.EXP_MAX, y.compare(VectorOperators.GT, ScalarRows.EXP_MAX));
      FloatVector shifted = bounded.fma(ScalarRows.LOG2_E, ScalarRows.ROUND);
      FloatVector k = shifted.sub(ScalarRows.ROUND);
      FloatVector r = k.fma(broadcast(SPECIES, -ScalarRows.LN2_HIGH), bounded);
      r = k.fma(broadcast(SPECIES, -ScalarRows.LN2_LOW), r);
      FloatVector p = r.fma(ScalarRows.EXP_7, ScalarRows.EXP_6);
      p = p.fma(r, broadcast(SPECIES, ScalarRows.EXP_5));
      p = p.fma(r, broadcast(SPECIES, ScalarRows.EXP_4));
      p = p.fma(r, broadcast(SPECIES, ScalarRows.EXP_3));
      p = p.fma(r, broadcast(SPECIES, ScalarRows.EXP_2));
      p = p.fma(r, broadcast(SPECIES, 1));
      p = p.fma(r, broadcast(SPECIES, 1));
      FloatVector e =
          p.reinterpretAsInts()
              .add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
              .reinterpretAsFloats()
              .blend(0, y.lt(ScalarRows.EXP_MIN));
      e.intoArray(out, outOffset + i);
      sum = sum.add(e);
    }
    float[] lanes = LANES_OF_SUM.get();
    sum.intoArray(lanes, 0);
    return sum(lanes);
  }

  @Override
  public float expAndSum(float[] x, int xOffset, float shift, int n) {
    int end = whole(n);
    float sum = exp(x, xOffset, 1, x, xOffset, shift, end);
    return end == n ? sum : sum + TAIL.expAndSum(x, xOffset + end, shift, n - end);
  }

  @Override
  public void softmaxBackward(
      float[] s, int sOffset, float[] d, int dOffset, float shift, float mean, int n) {
    int end = whole(n);
    exp(s, sOffset, 1, s, sOffset, shift, end);
    for (int i = 0; i < end; i += LANES) {
      fromArray(SPECIES, s, sOffset + i)
          .mul(fromArray(SPECIES, d, dOffset + i).sub(mean))
          .intoArray(d, dOffset + i);
    }
    TAIL.softmaxBackward(s, sOffset + end, d, dOffset + end, shift, mean, n - end);
  }

  @Override
  public void swiGlu(float[] out, int outOffset, float[] gateUp, int gateUpOffset, int n) {
    if (n % LANES != 0) {
      TAIL.swiGlu(out, outOffset, gateUp, gateUpOffset, n);
      return;
    }
    exp(out, outOffset, -1, gateUp, gateUpOffset, 0, n);
    FloatVector one = broadcast(SPECIES, 1);
    for (int i = 0; i < n; i += LANES) {
      FloatVector g = fromArray(SPECIES, gateUp, gateUpOffset + i);
      FloatVector u = fromArray(SPECIES, gateUp, gateUpOffset + n + i);
      FloatVector s = one.div(fromArray(SPECIES, out, outOffset + i).add(1));
      g.mul(s).mul(u).intoArray(out, outOffset + i);
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
    if (n % LANES != 0) {
      return TAIL.swiGluBackward(
          dGateUp, dGateUpOffset, dHidden, dHiddenOffset, gate, gateUp, gateUpOffset, n);
    }
    exp(dGateUp, dGateUpOffset, -1, gateUp, gateUpOffset, 0, n);
    FloatVector one = broadcast(SPECIES, 1);
    FloatVector dGate = zero(SPECIES);
    for (int i = 0; i < n; i += LANES) {
      FloatVector g = fromArray(SPECIES, gateUp, gateUpOffset + i);
      FloatVector u = fromArray(SPECIES, gateUp, gateUpOffset + n + i);
      FloatVector s = one.div(fromArray(SPECIES, dGateUp, dGateUpOffset + i).add(1));
      FloatVector gradient = fromArray(SPECIES, dHidden, dHiddenOffset + i);
      FloatVector silu = g.mul(s);
      FloatVector slope = silu.neg().fma(s, s.add(silu));
      FloatVector hidden = silu.mul(u);
      dGate = hidden.fma(gradient, dGate);
      FloatVector scaled = gradient.mul(gate);
      scaled.mul(u).mul(slope).intoArray(dGateUp, dGateUpOffset + i);
      scaled.mul(silu).intoArray(dGateUp, dGateUpOffset + n + i);
      hidden.mul(gate).intoArray(dHidden, dHiddenOffset + i);
    }
    float[] lanes = LANES_OF_SUM.get();
    dGate.intoArray(lanes, 0);
    return sum(lanes);
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
    FloatVector newFirst = broadcast(SPECIES, f.newFirst());
    FloatVector decay = broadcast(SPECIES, f.decay());
    int end = whole(n);
    for (int i = 0; i < end; i += LANES) {
      FloatVector gradient = fromArray(SPECIES, g, gOffset + i).mul(f.gradientScale());
      FloatVector first =
          newFirst.fma(gradient, fromArray(SPECIES, m, mOffset + i).mul(f.keepFirst()));
      FloatVector second =
          gradient
              .mul(f.newSecond())
              .fma(gradient, fromArray(SPECIES, v, vOffset + i).mul(f.keepSecond()));
      first.intoArray(m, mOffset + i);
      second.intoArray(v, vOffset + i);
      FloatVector root = second.mul(f.secondCorrection()).sqrt().add(f.epsilon());
      FloatVector old = fromArray(SPECIES, w, wOffset + i);
      old.sub(decay.fma(old, first.mul(f.rate()).div(root))).intoArray(w, wOffset + i);
    }
    TAIL.adamW(w, wOffset + end, g, gOffset + end, m, mOffset + end, v, vOffset + end, f, n - end);
  }
}
