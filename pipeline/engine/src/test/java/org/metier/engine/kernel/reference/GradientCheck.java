package org.metier.engine.kernel.reference;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.function.DoubleSupplier;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.Tensor;

/**
 * Central differences {@code (L(x + h) - L(x - h)) / 2h} against a backward pass, one element at a
 * time, in double.
 *
 * <p>With h = 1e-5 and losses and derivatives of order 1 to 10, truncation is h²/6 · L''' ≈ 1e-10
 * and rounding 1e-16 · L / h ≈ 1e-10. Measured, the error relative to the gradient's largest
 * element stays below 1e-9; the tolerance of 1e-8 leaves a factor of ten, and a wrong formula
 * misses it by orders of magnitude.
 */
final class GradientCheck {
  private static final double STEP = 1e-5;
  private static final double TOLERANCE = 1e-8;

  private final Kernels kernels;
  private final SplittableRandom random;

  GradientCheck(Kernels kernels, long seed) {
    this.kernels = kernels;
    this.random = new SplittableRandom(seed);
  }

  /** The destination of a gradient, and what stood there before the backward pass. */
  record Gradient(Tensor tensor, double[] before) {}

  SplittableRandom random() {
    return random;
  }

  Tensor empty(int... shape) {
    return new Tensor(kernels.allocate(Tensor.sizeOf(shape)), 0, shape);
  }

  /** A tensor of standard normal numbers. */
  Tensor normals(int... shape) {
    double[] values = new double[Tensor.sizeOf(shape)];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextGaussian();
    }
    return tensor(values, shape);
  }

  Tensor tensor(double[] values, int... shape) {
    Tensor tensor = empty(shape);
    kernels.upload(tensor, values, 0);
    return tensor;
  }

  /** A gradient that the backward pass must overwrite: starts as NaN. */
  Gradient overwritten(Tensor variable) {
    Tensor tensor = empty(variable.shape());
    kernels.fill(tensor, Double.NaN);
    return new Gradient(tensor, new double[tensor.size()]);
  }

  /** A gradient that the backward pass must add to: starts from random numbers. */
  Gradient added(Tensor variable) {
    Tensor tensor = normals(variable.shape());
    return new Gradient(tensor, read(tensor));
  }

  double[] read(Tensor tensor) {
    double[] values = new double[tensor.size()];
    kernels.download(values, 0, tensor);
    return values;
  }

  /** ⟨a, b⟩: a loss whose gradient with respect to a is b. */
  double dot(Tensor a, Tensor b) {
    double[] left = read(a);
    double[] right = read(b);
    double sum = 0;
    for (int i = 0; i < left.length; i++) {
      sum += left[i] * right[i];
    }
    return sum;
  }

  /**
   * @param loss runs the forward pass with the present content of {@code variable}
   */
  void assertGradient(String name, Tensor variable, Gradient gradient, DoubleSupplier loss) {
    double[] x = read(variable);
    double[] actual = read(gradient.tensor);
    double[] expected = new double[x.length];
    double largest = 0;
    for (int i = 0; i < x.length; i++) {
      actual[i] -= gradient.before[i];
      Tensor element = new Tensor(variable.storage(), variable.offset() + i, 1);
      kernels.fill(element, x[i] + STEP);
      double above = loss.getAsDouble();
      kernels.fill(element, x[i] - STEP);
      double below = loss.getAsDouble();
      kernels.fill(element, x[i]);
      expected[i] = (above - below) / (2 * STEP);
      largest = Math.max(largest, Math.abs(expected[i]));
    }
    assertThat(largest).as("%s: a gradient of zeros would prove nothing", name).isGreaterThan(1e-3);
    for (int i = 0; i < x.length; i++) {
      assertThat(Math.abs(actual[i] - expected[i]) / largest)
          .as("%s[%d]: backward pass %s, difference quotient %s", name, i, actual[i], expected[i])
          .isLessThan(TOLERANCE);
    }
  }
}
