package org.metier.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;

/** A training step of the whole model on the CPU backend against the double reference. */
class BackendsAgreeTest {
  /** float32 has 6e-8 relative; sums over a few thousand terms and two layers lose two digits. */
  private static final double TOLERANCE = 1e-5;

  /** Odd sizes, so that every kernel has a remainder. */
  private static final ModelConfig ODD =
      new ModelConfig(300, 48, 2, 4, 2, 16, 8, 2, 40, 33, true, 10_000, 1e-6, 0.02);

  /** conf/model/tiny.conf. */
  private static final ModelConfig TINY =
      new ModelConfig(4096, 128, 4, 4, 2, 32, 16, 2, 128, 256, true, 10_000, 1e-6, 0.02);

  private record Step(double loss, double[] gradients) {}

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void lossAndGradientsOfTheCpuBackendAreTheReference(int threads) {
    assertAgree(ODD, step(new ReferenceKernels(), ODD), step(new CpuKernels(threads), ODD));
  }

  @Test
  void theTinyPresetAgreesToo() {
    assertAgree(TINY, step(new ReferenceKernels(), TINY), step(new CpuKernels(1), TINY));
  }

  private static void assertAgree(ModelConfig config, Step reference, Step cpu) {
    assertThat(cpu.loss).isCloseTo(reference.loss, within(TOLERANCE * reference.loss));
    for (ParameterLayout.Slice slice : Parameters.layout(config).slices()) {
      double largest = 0;
      double error = 0;
      for (int i = slice.offset(); i < slice.offset() + slice.size(); i++) {
        largest = Math.max(largest, Math.abs(reference.gradients[i]));
        error = Math.max(error, Math.abs(reference.gradients[i] - cpu.gradients[i]));
      }
      assertThat(error)
          .as("largest error in the gradient of %s, whose largest is %s", slice.name(), largest)
          .isLessThanOrEqualTo(TOLERANCE * largest);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void twoStepsFromOneSeedGiveTheSameBits(int threads) {
    Step first = step(new CpuKernels(threads), ODD);
    Step second = step(new CpuKernels(threads), ODD);
    assertThat(second.loss).isEqualTo(first.loss);
    assertThat(second.gradients).isEqualTo(first.gradients);
  }

  private static Step step(Kernels kernels, ModelConfig config) {
    try (kernels) {
      TransformerLm model = TransformerLm.forTraining(kernels, config, 2);
      TinyModel.initialize(model, kernels, 9);
      model.clearGradients();
      Batch batch = TinyModel.batch(config, 21);
      double loss = model.forward(batch);
      double[][] balance = TinyModel.balanceGradients(config, 2);
      for (double[] layer : balance) {
        for (int e = 0; e < layer.length; e++) {
          layer[e] *= 0.01;
        }
      }
      model.backward(batch, balance, 1e-3);
      return new Step(loss, TinyModel.download(kernels, model.parameters(), Role.GRADIENT));
    }
  }
}
