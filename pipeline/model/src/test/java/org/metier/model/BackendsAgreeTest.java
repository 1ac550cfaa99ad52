package org.metier.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.metier.engine.kernel.DropPolicy;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Precision;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.kernel.nd4j.Nd4jRuntime;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;

/** A training step of the whole model on each backend against the double reference. */
class BackendsAgreeTest {
  /** float32 has 6e-8 relative; sums over a few thousand terms and two layers lose two digits. */
  private static final double TOLERANCE = 1e-5;

  /** double has 1e-16 relative; the same sums in another order leave far more than this. */
  private static final double DOUBLE_TOLERANCE = 1e-10;

  /** Odd sizes, so that every kernel has a remainder. */
  private static final ModelConfig ODD =
      new ModelConfig(300, 48, 2, 4, 2, 16, 8, 2, 40, 33, true, 10_000, 1e-6, 0.02);

  /** conf/model/tiny.conf. */
  private static final ModelConfig TINY =
      new ModelConfig(4096, 128, 4, 4, 2, 32, 16, 2, 128, 256, true, 10_000, 1e-6, 0.02);

  /** With null experts, a capacity that binds and experts of three widths in four groups. */
  private static final ModelConfig SPARSE =
      new ModelConfig(
          300,
          48,
          2,
          4,
          2,
          16,
          8,
          4,
          40,
          33,
          true,
          10_000,
          1e-6,
          0.02,
          RouterScoring.SOFTMAX,
          5,
          0.9,
          DropPolicy.PROBABILITY,
          List.of(40, 40, 24, 24, 24, 57, 40, 40));

  private record Step(double loss, double[] gradients) {}

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void lossAndGradientsOfTheCpuBackendAreTheReference(int threads) {
    assertAgree(
        ODD, step(new ReferenceKernels(), ODD), step(new CpuKernels(threads), ODD), TOLERANCE);
  }

  @Test
  void theyAgreeOnNullsCapacityAndWidths() {
    Step reference = step(new ReferenceKernels(), SPARSE);
    assertAgree(SPARSE, reference, step(new CpuKernels(2), SPARSE), TOLERANCE);
    assertAgree(
        SPARSE, reference, step(Nd4jRuntime.open(Precision.DOUBLE, 2), SPARSE), DOUBLE_TOLERANCE);
    assertAgree(SPARSE, reference, step(Nd4jRuntime.open(Precision.FLOAT, 2), SPARSE), TOLERANCE);
  }

  @Test
  void theTinyPresetAgreesToo() {
    assertAgree(TINY, step(new ReferenceKernels(), TINY), step(new CpuKernels(1), TINY), TOLERANCE);
  }

  @Test
  void lossAndGradientsOfTheNd4jBackendAreTheReference() {
    Step reference = step(new ReferenceKernels(), ODD);
    assertAgree(ODD, reference, step(Nd4jRuntime.open(Precision.DOUBLE, 2), ODD), DOUBLE_TOLERANCE);
    assertAgree(ODD, reference, step(Nd4jRuntime.open(Precision.FLOAT, 2), ODD), TOLERANCE);
  }

  private static void assertAgree(
      ModelConfig config, Step reference, Step actual, double tolerance) {
    assertThat(actual.loss).isCloseTo(reference.loss, within(tolerance * reference.loss));
    for (ParameterLayout.Slice slice : Parameters.layout(config).slices()) {
      double largest = 0;
      double error = 0;
      for (int i = slice.offset(); i < slice.offset() + slice.size(); i++) {
        largest = Math.max(largest, Math.abs(reference.gradients[i]));
        error = Math.max(error, Math.abs(reference.gradients[i] - actual.gradients[i]));
      }
      assertThat(error)
          .as("largest error in the gradient of %s, whose largest is %s", slice.name(), largest)
          .isLessThanOrEqualTo(tolerance * largest);
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

  /** Also while another worker of the same process keeps ND4J's threads busy. */
  @Test
  void twoStepsOfTheNd4jBackendGiveTheSameBits() throws Exception {
    Step alone = step(Nd4jRuntime.open(Precision.FLOAT, 2), ODD);
    ExecutorService workers = Executors.newFixedThreadPool(2);
    try {
      Callable<Step> step = () -> step(Nd4jRuntime.open(Precision.FLOAT, 2), ODD);
      for (Future<Step> worker : workers.invokeAll(List.of(step, step, step, step))) {
        assertThat(worker.get().loss).isEqualTo(alone.loss);
        assertThat(worker.get().gradients).isEqualTo(alone.gradients);
      }
    } finally {
      workers.shutdown();
    }
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
