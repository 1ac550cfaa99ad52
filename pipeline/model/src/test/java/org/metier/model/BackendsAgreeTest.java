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
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.kernel.nd4j.Nd4jRuntime;
import org.metier.engine.kernel.nd4j.Nd4jRuntime.Precision;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;

/** A training step of the whole model on each backend against the double reference. */
class BackendsAgreeTest {
  /** float32 has 6e-8 relative; sums over a few thousand terms and two layers lose two digits. */
  private static final double TOLERANCE = 1e-5;

  /** double has 1e-16 relative; the same sums in another order leave far more than this. */
  private static final double DOUBLE_TOLERANCE = 1e-10;

  private static final ModelConfig CONFIG =
      new ModelConfig(300, 48, 2, 4, 2, 16, 8, 2, 40, 33, true, 10_000, 1e-6, 0.02);

  private record Step(double loss, double[] gradients) {}

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void lossAndGradientsOfTheCpuBackendAreTheReference(int threads) {
    assertIsTheReference(step(new CpuKernels(threads)), TOLERANCE);
  }

  @Test
  void lossAndGradientsOfTheNd4jBackendAreTheReference() {
    assertIsTheReference(step(Nd4jRuntime.open(Precision.DOUBLE, 2)), DOUBLE_TOLERANCE);
    assertIsTheReference(step(Nd4jRuntime.open(Precision.FLOAT, 2)), TOLERANCE);
  }

  private static void assertIsTheReference(Step actual, double tolerance) {
    Step reference = step(new ReferenceKernels());
    assertThat(actual.loss).isCloseTo(reference.loss, within(tolerance * reference.loss));
    for (ParameterLayout.Slice slice : Parameters.layout(CONFIG).slices()) {
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
    Step first = step(new CpuKernels(threads));
    Step second = step(new CpuKernels(threads));
    assertThat(second.loss).isEqualTo(first.loss);
    assertThat(second.gradients).isEqualTo(first.gradients);
  }

  /** Also while another worker of the same process keeps ND4J's threads busy. */
  @Test
  void twoStepsOfTheNd4jBackendGiveTheSameBits() throws Exception {
    Step alone = step(Nd4jRuntime.open(Precision.FLOAT, 2));
    ExecutorService workers = Executors.newFixedThreadPool(2);
    try {
      Callable<Step> step = () -> step(Nd4jRuntime.open(Precision.FLOAT, 2));
      for (Future<Step> worker : workers.invokeAll(List.of(step, step, step, step))) {
        assertThat(worker.get().loss).isEqualTo(alone.loss);
        assertThat(worker.get().gradients).isEqualTo(alone.gradients);
      }
    } finally {
      workers.shutdown();
    }
  }

  private static Step step(Kernels kernels) {
    try (kernels) {
      TransformerLm model = TransformerLm.forTraining(kernels, CONFIG, 2);
      TinyModel.initialize(model, kernels, 9);
      model.clearGradients();
      Batch batch = TinyModel.batch(CONFIG, 21);
      double loss = model.forward(batch);
      double[][] balance = TinyModel.balanceGradients(CONFIG, 2);
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
