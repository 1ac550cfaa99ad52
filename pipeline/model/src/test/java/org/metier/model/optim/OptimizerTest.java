package org.metier.model.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;

class OptimizerTest {
  private final Kernels kernels = new ReferenceKernels();
  private final ParameterLayout layout =
      new ParameterLayout.Builder().matrix("w", 1, 2).scale("s", 1).build();

  @Test
  void theFirstStepMovesEachWeightByTheLearningRateAndDecaysMatricesOnly() {
    FlatParameters parameters = parameters(new double[] {1, -2, 3}, new double[] {0.5, -8, 4});
    double norm = new AdamW(0.9, 0.95, 0, 0.1, 0).step(kernels, parameters, 0.01, 1);
    assertThat(norm).isCloseTo(Math.sqrt(0.25 + 64 + 16), within(1e-12));
    // m/c1 / sqrt(v/c2) is the gradient's sign at the first step.
    double[] expected = {1 - 0.01 * (1 + 0.1), -2 - 0.01 * (-1 - 0.2), 3 - 0.01};
    assertThat(values(parameters)).containsExactly(expected, within(1e-12));
  }

  @Test
  void clippingScalesTheWholeGradient() {
    FlatParameters clipped = parameters(new double[3], new double[] {3, 4, 0});
    FlatParameters scaled = parameters(new double[3], new double[] {0.3, 0.4, 0});
    new AdamW(0.9, 0.95, 1e-3, 0, 0.5).step(kernels, clipped, 0.1, 1);
    new AdamW(0.9, 0.95, 1e-3, 0, 0).step(kernels, scaled, 0.1, 1);
    assertThat(values(clipped)).containsExactly(values(scaled), within(1e-12));
  }

  @Test
  void aGradientThatIsNotFiniteUpdatesNothing() {
    FlatParameters parameters = parameters(new double[] {1, 2, 3}, new double[] {0, Double.NaN, 0});
    assertThat(new AdamW(0.9, 0.95, 1e-8, 0.1, 1).step(kernels, parameters, 0.1, 1)).isNaN();
    assertThat(values(parameters)).containsExactly(1, 2, 3);
  }

  @Test
  void theScheduleRisesThenFallsToItsFinalShare() {
    WarmupCosine schedule = new WarmupCosine(2.0, 4, 104, 0.1);
    assertThat(schedule.at(0)).isEqualTo(0.5);
    assertThat(schedule.at(3)).isEqualTo(2.0);
    assertThat(schedule.at(4)).isEqualTo(2.0);
    assertThat(schedule.at(54)).isCloseTo(2.0 * (0.1 + 0.9 / 2), within(1e-12));
    assertThat(schedule.at(104)).isCloseTo(0.2, within(1e-12));
    assertThat(schedule.at(1000)).isCloseTo(0.2, within(1e-12));
  }

  private FlatParameters parameters(double[] values, double[] gradient) {
    FlatParameters parameters = FlatParameters.forTraining(layout, kernels::allocate);
    kernels.upload(parameters.block(Role.VALUE), values, 0);
    kernels.upload(parameters.block(Role.GRADIENT), gradient, 0);
    return parameters;
  }

  private double[] values(FlatParameters parameters) {
    double[] values = new double[3];
    kernels.download(values, 0, parameters.block(Role.VALUE));
    return values;
  }
}
