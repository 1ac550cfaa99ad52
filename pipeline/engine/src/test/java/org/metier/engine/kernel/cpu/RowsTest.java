package org.metier.engine.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
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
      float[] hiddenBySteps = x.clone();
      float[] hiddenByVectors = x.clone();
      float dGate = scalar.swiGluBackward(dBySteps, 0, hiddenBySteps, 0, 0.7f, gateUp, 0, n);
      float dGateOfVectors =
          vector.swiGluBackward(dByVectors, 0, hiddenByVectors, 0, 0.7f, gateUp, 0, n);
      assertThat(dByVectors).isEqualTo(dBySteps);
      assertThat(hiddenByVectors).isEqualTo(hiddenBySteps);
      // A sum in another order: a rounding for each of n terms of order 1.
      assertThat(dGateOfVectors).isCloseTo(dGate, within(n * 1e-6f));
      assertThat(vector.max(x, 0, n)).isEqualTo(scalar.max(x, 0, n));
    }
  }

  /** gate · silu(g) ⊙ u by the formulas, in double. */
  @Test
  void swiGluBackwardIsTheDerivative() {
    double gate = 0.7f;
    for (Rows rows : List.of(new VectorRows(), new ScalarRows())) {
      for (int n : new int[] {1, 19, 64}) {
        float[] gateUp = normals(2 * n);
        float[] dHidden = normals(n);
        float[] hidden = dHidden.clone();
        float[] dGateUp = new float[2 * n];
        double dGate = rows.swiGluBackward(dGateUp, 0, hidden, 0, (float) gate, gateUp, 0, n);
        for (int i = 0; i < n; i++) {
          double g = gateUp[i];
          double u = gateUp[n + i];
          double s = 1 / (1 + Math.exp(-g));
          double d = dHidden[i];
          assertThat(hidden[i]).isCloseTo((float) (gate * g * s * u), within(1e-6f));
          assertThat(dGateUp[i])
              .isCloseTo((float) (gate * d * u * s * (1 + g * (1 - s))), within(2e-6f));
          assertThat(dGateUp[n + i]).isCloseTo((float) (gate * d * g * s), within(1e-6f));
          dGate -= g * s * u * d;
        }
        assertThat(dGate).isCloseTo(0, within(n * 1e-6));
      }
    }
  }

  /** Why not, the comment of {@link VectorRows} says. */
  @Test
  void noVectorCrossesACall() throws NoSuchFieldException {
    assertThat(vectorsIn(VectorRows.class)).isEmpty();
    assertThat(vectorsIn(VectorNormRows.class)).isEmpty();
    // A class of which it is known finds the sieve tight.
    Class<?> species = VectorRows.class.getDeclaredField("SPECIES").getType();
    assertThat(vectorsIn(species)).contains("broadcast", "fromArray");
  }

  /** Methods, private and synthetic ones included, that take or return a type of the Vector API. */
  private static List<String> vectorsIn(Class<?> type) {
    List<String> names = new ArrayList<>();
    for (Method method : type.getDeclaredMethods()) {
      List<Class<?>> types = new ArrayList<>(List.of(method.getParameterTypes()));
      types.add(method.getReturnType());
      if (types.stream()
          .anyMatch(t -> innermost(t).getName().startsWith("jdk.incubator.vector."))) {
        names.add(method.getName());
      }
    }
    return names;
  }

  private static Class<?> innermost(Class<?> type) {
    return type.isArray() ? innermost(type.getComponentType()) : type;
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
