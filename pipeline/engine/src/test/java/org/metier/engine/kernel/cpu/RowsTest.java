package org.metier.engine.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RowsTest {
  private final SplittableRandom random = new SplittableRandom(7);

  private float[] normals(int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** 0.9 ulp is what a scan of all of [-86.5, 88.3] in steps of 1.7e-5 found. */
  @Test
  void expIsWithinOneUnitInTheLastPlace() {
    for (double x = -86.5; x < 88.3; x += 0.00137) {
      float argument = (float) x;
      double exact = Math.exp(argument);
      double ulps = Math.abs(ScalarRows.exp(argument) - exact) / Math.ulp((float) exact);
      assertThat(ulps).as("exp(%s)", argument).isLessThan(0.95);
    }
  }

  @Test
  void expAtItsEnds() {
    assertThat(ScalarRows.exp(0)).isEqualTo(1);
    assertThat(ScalarRows.exp(-87)).isZero();
    assertThat(ScalarRows.exp(Float.NEGATIVE_INFINITY)).isZero();
    assertThat(ScalarRows.exp(1000)).isFinite().isGreaterThan(2e38f);
    assertThat(ScalarRows.exp(Float.NaN)).isNaN();
  }

  @Test
  void vectorsAndTailsGiveTheBitsOfThePlainLoop() {
    Rows vector = new VectorRows();
    Rows scalar = new ScalarRows();
    for (int n = 1; n < 70; n++) {
      float[] x = normals(n);
      float[] bySteps = x.clone();
      float[] byVectors = x.clone();
      scalar.expAndSum(bySteps, 0, 1.5f, n);
      vector.expAndSum(byVectors, 0, 1.5f, n);
      assertThat(byVectors).isEqualTo(bySteps);

      float[] gateUp = normals(2 * n);
      gateUp[0] = -200; // where exp alone would overflow
      scalar.swiGlu(bySteps, 0, gateUp, 0, n);
      vector.swiGlu(byVectors, 0, gateUp, 0, n);
      assertThat(byVectors).isEqualTo(bySteps);
      assertThat(byVectors[0]).isFinite();

      float[] dBySteps = new float[2 * n];
      float[] dByVectors = new float[2 * n];
      scalar.swiGluBackward(dBySteps, 0, x, 0, gateUp, 0, n);
      vector.swiGluBackward(dByVectors, 0, x, 0, gateUp, 0, n);
      assertThat(dByVectors).isEqualTo(dBySteps);
      assertThat(vector.max(x, 0, n)).isEqualTo(scalar.max(x, 0, n));
    }
  }

  @Test
  void notANumberSurvivesSoftmaxSums() {
    for (int at : new int[] {0, 17, 34}) {
      float[] x = normals(35);
      x[at] = Float.NaN;
      assertThat(new VectorRows().expAndSum(x, 0, 1, 35)).isNaN();
    }
  }
}
