package org.metier.engine.kernel.cpu;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromArray;
import static jdk.incubator.vector.FloatVector.zero;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link NormRows} with the Vector API, by the rules of {@link VectorRows}: no method takes or
 * returns a vector. Widths that do not fill whole vectors are left to {@link ScalarNormRows}.
 */
final class VectorNormRows implements NormRows {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();

  private final VectorRows rows;
  private final NormRows scalar = new ScalarRows().norms();

  VectorNormRows(VectorRows rows) {
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
    if (n % LANES != 0) {
      scalar.rmsNormBackward(
          dX, dXOffset, dW, dWOffset, dOut, dOutOffset, x, xOffset, w, wOffset, inverse, n);
      return;
    }
    FloatVector dot = zero(SPECIES);
    for (int i = 0; i < n; i += LANES) {
      FloatVector gradient = fromArray(SPECIES, dOut, dOutOffset + i);
      FloatVector normed = fromArray(SPECIES, x, xOffset + i).mul(inverse);
      dot = gradient.mul(fromArray(SPECIES, w, wOffset + i)).fma(normed, dot);
      gradient.fma(normed, fromArray(SPECIES, dW, dWOffset + i)).intoArray(dW, dWOffset + i);
    }
    float[] lanes = VectorRows.LANES_OF_SUM.get();
    dot.intoArray(lanes, 0);
    FloatVector minusMean = broadcast(SPECIES, -(VectorRows.sum(lanes) / n));
    FloatVector inverses = broadcast(SPECIES, inverse);
    for (int i = 0; i < n; i += LANES) {
      FloatVector normed = fromArray(SPECIES, x, xOffset + i).mul(inverse);
      FloatVector scaled =
          fromArray(SPECIES, dOut, dOutOffset + i).mul(fromArray(SPECIES, w, wOffset + i));
      inverses
          .fma(minusMean.fma(normed, scaled), fromArray(SPECIES, dX, dXOffset + i))
          .intoArray(dX, dXOffset + i);
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
    if (half % LANES != 0) {
      scalar.normRotate(
          out,
          outOffset,
          inverse,
          inverseOffset,
          x,
          xOffset,
          w,
          wOffset,
          rotation,
          table,
          half,
          heads,
          epsilon);
      return;
    }
    for (int h = 0; h < heads; h++) {
      int in = xOffset + 2 * h * half;
      int to = outOffset + 2 * h * half;
      float factor = RmsNorm.inverse(rows.dot(x, in, x, in, 2 * half), 2 * half, epsilon);
      inverse[inverseOffset + h] = factor;
      for (int i = 0; i < half; i += LANES) {
        int j = half + i;
        FloatVector a =
            fromArray(SPECIES, x, in + i).mul(factor).mul(fromArray(SPECIES, w, wOffset + i));
        FloatVector b =
            fromArray(SPECIES, x, in + j).mul(factor).mul(fromArray(SPECIES, w, wOffset + j));
        FloatVector cos = fromArray(SPECIES, rotation, table + i);
        FloatVector sin = fromArray(SPECIES, rotation, table + j);
        a.fma(cos, b.mul(sin).neg()).intoArray(out, to + i);
        b.fma(cos, a.mul(sin)).intoArray(out, to + j);
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
    if (half % LANES != 0) {
      scalar.normRotateBackward(
          dX,
          dXOffset,
          dW,
          dWOffset,
          dOut,
          dOutOffset,
          inverse,
          inverseOffset,
          x,
          xOffset,
          w,
          wOffset,
          rotation,
          table,
          half,
          heads);
      return;
    }
    float[] lanes = VectorRows.LANES_OF_SUM.get();
    for (int h = 0; h < heads; h++) {
      int target = dXOffset + 2 * h * half;
      int source = dOutOffset + 2 * h * half;
      int in = xOffset + 2 * h * half;
      float factor = inverse[inverseOffset + h];
      FloatVector dot = zero(SPECIES);
      for (int i = 0; i < half; i += LANES) {
        int j = half + i;
        FloatVector cos = fromArray(SPECIES, rotation, table + i);
        FloatVector sin = fromArray(SPECIES, rotation, table + j);
        FloatVector turnedA = fromArray(SPECIES, dOut, source + i);
        FloatVector turnedB = fromArray(SPECIES, dOut, source + j);
        // The transpose of a rotation turns back.
        FloatVector da = turnedA.fma(cos, turnedB.mul(sin));
        FloatVector db = turnedB.fma(cos, turnedA.mul(sin).neg());
        FloatVector a = fromArray(SPECIES, x, in + i).mul(factor);
        FloatVector b = fromArray(SPECIES, x, in + j).mul(factor);
        da.fma(a, fromArray(SPECIES, dW, dWOffset + i)).intoArray(dW, dWOffset + i);
        db.fma(b, fromArray(SPECIES, dW, dWOffset + j)).intoArray(dW, dWOffset + j);
        da = da.mul(fromArray(SPECIES, w, wOffset + i));
        db = db.mul(fromArray(SPECIES, w, wOffset + j));
        dot = da.fma(a, db.fma(b, dot));
        da.intoArray(dX, target + i);
        db.intoArray(dX, target + j);
      }
      dot.intoArray(lanes, 0);
      FloatVector minusMean = broadcast(SPECIES, -(VectorRows.sum(lanes) / (2 * half)));
      for (int i = 0; i < 2 * half; i += LANES) {
        FloatVector normed = fromArray(SPECIES, x, in + i).mul(factor);
        minusMean
            .fma(normed, fromArray(SPECIES, dX, target + i))
            .mul(factor)
            .intoArray(dX, target + i);
      }
    }
  }
}
