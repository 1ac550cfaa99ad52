package org.metier.model.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.ModelConfig;
import org.metier.model.ParameterKind;
import org.metier.model.Parameters;

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

  @Test
  void wsdRisesStaysLevelAndFallsInItsLastShare() {
    WarmupStableDecay wsd =
        new WarmupStableDecay(2.0, 4, 100, 0.2, WarmupStableDecay.Shape.LINEAR, 0.1);
    assertThat(wsd.at(0)).isEqualTo(0.5);
    assertThat(wsd.at(3)).isEqualTo(2.0);
    assertThat(wsd.at(4)).isEqualTo(2.0);
    assertThat(wsd.at(80)).isEqualTo(2.0);
    assertThat(wsd.at(90)).isCloseTo(2.0 * (0.1 + 0.9 / 2), within(1e-12));
    assertThat(wsd.at(100)).isCloseTo(0.2, within(1e-12));
    assertThat(wsd.at(1000)).isCloseTo(0.2, within(1e-12));
  }

  /** Values of the published formulas at a quarter and at half of the way. */
  @Test
  void theShapesOfTheDecay() {
    assertThat(decayed(WarmupStableDecay.Shape.LINEAR, 0.25)).isCloseTo(0.75, within(1e-12));
    assertThat(decayed(WarmupStableDecay.Shape.COSINE, 0.25))
        .isCloseTo((1 + Math.sqrt(0.5)) / 2, within(1e-12));
    assertThat(decayed(WarmupStableDecay.Shape.SQRT, 0.25)).isCloseTo(0.5, within(1e-12));
    assertThat(decayed(WarmupStableDecay.Shape.COSINE, 0.5)).isCloseTo(0.5, within(1e-12));
    for (WarmupStableDecay.Shape shape : WarmupStableDecay.Shape.values()) {
      assertThat(decayed(shape, 0)).isEqualTo(1);
      assertThat(decayed(shape, 1)).isCloseTo(0, within(1e-12));
    }
  }

  private static double decayed(WarmupStableDecay.Shape shape, double way) {
    return new WarmupStableDecay(1.0, 0, 200, 0.5, shape, 0).at(100 + Math.round(100 * way));
  }

  @Test
  void withoutADecayTheRateStaysAndAWarmUpIsNeverCutShort() {
    WarmupStableDecay constant =
        new WarmupStableDecay(3.0, 10, 50, 0, WarmupStableDecay.Shape.SQRT, 0);
    assertThat(constant.at(49)).isEqualTo(3.0);
    assertThat(constant.at(5_000)).isEqualTo(3.0);
    WarmupStableDecay longWarmup =
        new WarmupStableDecay(1.0, 60, 100, 0.9, WarmupStableDecay.Shape.LINEAR, 0);
    assertThat(longWarmup.at(59)).isEqualTo(1.0);
    assertThat(longWarmup.at(80)).isCloseTo(0.5, within(1e-12));
  }

  @Test
  void rangesCoverEveryParameterOnceAndNeighboursAreOne() {
    ParameterLayout parts =
        new ParameterLayout.Builder()
            .matrix("a", 2, 3)
            .matrix("b", 5)
            .matrix("c", 1, 4)
            .scale("n", 7)
            .build();
    assertThat(DecayRange.of(parts, name -> !name.equals("n")))
        .containsExactly(new DecayRange(0, 15, true), new DecayRange(15, 7, false));
    assertThat(DecayRange.of(parts, "b"::equals))
        .containsExactly(
            new DecayRange(0, 6, false), new DecayRange(6, 5, true), new DecayRange(11, 11, false));
  }

  /** Decay moves exactly the parameters of the chosen ranges, and cutting changes no bit. */
  @Test
  void onlyTheChosenRangesDecay() {
    double[] gradient = {0.5, -8, 4};
    FlatParameters plain = parameters(new double[] {1, -2, 3}, gradient);
    FlatParameters decayed = parameters(new double[] {1, -2, 3}, gradient);
    FlatParameters mixed = parameters(new double[] {1, -2, 3}, gradient);
    AdamW adam = new AdamW(0.9, 0.95, 1e-8, 0.1, 1);
    adam.step(kernels, plain, List.of(new DecayRange(0, 3, false)), 0.01, 1);
    adam.step(kernels, decayed, List.of(new DecayRange(0, 3, true)), 0.01, 1);
    adam.step(
        kernels,
        mixed,
        List.of(
            new DecayRange(0, 1, false), new DecayRange(1, 1, true), new DecayRange(2, 1, false)),
        0.01,
        1);
    double[] without = values(plain);
    double[] with = values(decayed);
    for (int i = 0; i < 3; i++) {
      assertThat(with[i]).isNotEqualTo(without[i]);
    }
    assertThat(values(mixed)).containsExactly(without[0], with[1], without[2]);
  }

  @Test
  void everyParameterOfAModelHasItsKind() {
    Map<ParameterKind, Integer> sizes = new EnumMap<>(ParameterKind.class);
    ModelConfig m = new ModelConfig(50, 16, 2, 2, 1, 8, 4, 2, 12, 32, true, 10_000, 1e-6, 0.05);
    for (ParameterLayout.Slice slice : Parameters.layout(m).slices()) {
      sizes.merge(ParameterKind.of(slice.name()), slice.size(), Integer::sum);
    }
    int attention = (16 + 8 + 8 + 16) * 16; // q, k, v, o
    int experts = 4 * 3 * 16 * 12; // gate, up, down
    assertThat(sizes)
        .containsEntry(ParameterKind.EMBEDDING, 50 * 16)
        .containsEntry(ParameterKind.HEAD, 50 * 16)
        .containsEntry(ParameterKind.ROUTER, 2 * 4 * 16)
        .containsEntry(ParameterKind.NORM, 2 * (2 * 16 + 2 * 8) + 16)
        .containsEntry(ParameterKind.MATRIX, 2 * (attention + experts));
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
