package org.metier.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;

/**
 * The model is Hugging Face's Qwen3-MoE: losses, log-probabilities, gradients and twenty optimiser
 * steps agree with what Transformers and PyTorch computed in float64.
 */
class GoldenQwen3MoeTest {
  private static Golden golden;

  /**
   * A backend and how exact it is, relative to the largest value compared: 1e-16 (double) or 6e-8
   * (float) a hundred times over, for sums of up to a hundred terms through two layers, and as much
   * again for room. Twenty steps add no digit: a step of Adam is bounded by the learning rate, and
   * no token comes closer to choosing another expert than 1e-3 (golden.json says how close).
   *
   * @param tolerance of a pass and of twenty training steps
   */
  private record Backend(String name, Supplier<Kernels> open, double tolerance) {
    @Override
    public String toString() {
      return name;
    }
  }

  static List<Backend> backends() {
    return List.of(
        new Backend("reference", ReferenceKernels::new, 1e-13),
        new Backend("cpu", () -> new CpuKernels(2), 1e-5));
  }

  @BeforeAll
  static void readFixture() throws IOException {
    golden = Golden.read();
  }

  @ParameterizedTest
  @MethodSource("backends")
  void lossesRoutingAndGradients(Backend backend) {
    try (Kernels kernels = backend.open.get()) {
      TransformerLm model = model(kernels);
      Batch batch = golden.batches().get(0);
      model.clearGradients();
      model.forward(batch);
      double[][] noBalance = new double[golden.config().numLayers()][golden.config().numExperts()];
      model.backward(batch, noBalance, 0);

      assertClose("losses", model.losses(), golden.losses(), backend.tolerance);
      for (int l = 0; l < golden.config().numLayers(); l++) {
        for (int e = 0; e < golden.config().numExperts(); e++) {
          assertThat(model.routing(l).count(e))
              .as("tokens of expert %d in layer %d", e, l)
              .isEqualTo(golden.expertTokens()[l][e]);
        }
      }
      double[] gradients = TinyModel.download(kernels, model.parameters(), Role.GRADIENT);
      for (ParameterLayout.Slice slice : model.parameters().layout().slices()) {
        assertClose(
            "gradient of " + slice.name(),
            part(gradients, slice),
            part(golden.gradients(), slice),
            backend.tolerance);
      }
    }
  }

  /** The model never holds logits, but with v as the target everywhere the losses are -log p(v). */
  @ParameterizedTest
  @MethodSource("backends")
  void logProbabilitiesOfTheWholeVocabulary(Backend backend) {
    try (Kernels kernels = backend.open.get()) {
      TransformerLm model = model(kernels);
      int vocabSize = golden.config().vocabSize();
      int length = golden.config().sequenceLength();
      Batch batch = golden.batches().get(0);
      int[] targets = new int[batch.tokens()];
      double[] actual = new double[length * vocabSize];
      for (int v = 0; v < vocabSize; v++) {
        Arrays.fill(targets, v);
        model.evaluate(new Batch(1, length, batch.inputs(), targets, batch.documentStart()));
        for (int t = 0; t < length; t++) {
          actual[t * vocabSize + v] = -model.losses()[t];
        }
      }
      assertClose("log-probabilities", actual, golden.logProbabilities(), backend.tolerance);
    }
  }

  @ParameterizedTest
  @MethodSource("backends")
  void twentyStepsOfTraining(Backend backend) {
    try (Kernels kernels = backend.open.get()) {
      TransformerLm model = model(kernels);
      double[][] noBalance = new double[golden.config().numLayers()][golden.config().numExperts()];
      int steps = golden.batches().size();
      double[] losses = new double[steps];
      double[] norms = new double[steps];
      for (int step = 0; step < steps; step++) {
        Batch batch = golden.batches().get(step);
        model.clearGradients();
        losses[step] = model.forward(batch);
        model.backward(batch, noBalance, 0);
        norms[step] =
            golden.optimizer().step(kernels, model.parameters(), golden.learningRate(), step + 1);
      }
      assertThat(steps).isEqualTo(20);
      assertClose("losses", losses, golden.trainingLosses(), backend.tolerance);
      assertClose("gradient norms", norms, golden.gradientNorms(), backend.tolerance);
    }
  }

  private static TransformerLm model(Kernels kernels) {
    int sequences = golden.batches().get(0).sequences();
    TransformerLm model = TransformerLm.forTraining(kernels, golden.config(), sequences);
    kernels.upload(model.parameters().block(Role.VALUE), golden.weights(), 0);
    return model;
  }

  private static double[] part(double[] block, ParameterLayout.Slice slice) {
    return Arrays.copyOfRange(block, slice.offset(), slice.offset() + slice.size());
  }

  private static void assertClose(
      String what, double[] actual, double[] expected, double tolerance) {
    assertThat(actual).as(what).hasSameSizeAs(expected);
    double largest = 0;
    double error = 0;
    for (int i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      error = Math.max(error, Math.abs(expected[i] - actual[i]));
    }
    assertThat(error)
        .as("largest error in %s, whose largest is %s", what, largest)
        .isLessThanOrEqualTo(tolerance * largest);
  }
}
