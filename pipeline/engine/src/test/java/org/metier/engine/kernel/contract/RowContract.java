package org.metier.engine.kernel.contract;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.Tensor;

/** Ops that treat every row alike: embedding, RMS norm, linear, AdamW. */
interface RowContract extends Contract {

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "3, 17, 5", "65, 33, 7", "300, 8, 1031", "1031, 131, 37", "17, 64, 50"})
  default void embedding(int tokens, int width, int vocabulary) {
    assertAgrees(
        "embedding %d x %d of %d".formatted(tokens, width, vocabulary),
        trial -> {
          // Longer than the rows: the rest must be ignored.
          int[] ids = trial.indices(tokens + 2, vocabulary);
          ids[tokens] = -5;
          ids[tokens + 1] = Integer.MAX_VALUE;
          Tensor table = trial.input("table", vocabulary, width);
          Tensor dOut = trial.input("dOut", tokens, width);
          trial.kernels().embedding(trial.output("out", tokens, width), table, ids);
          trial
              .kernels()
              .embeddingBackward(trial.accumulator("dTable", vocabulary, width), dOut, ids);
        });
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "1, 64", "3, 17", "17, 64", "65, 33", "2, 1027", "301, 24", "1031, 65"})
  default void rmsNorm(int tokens, int width) {
    assertAgrees(
        "rmsNorm %d x %d".formatted(tokens, width),
        trial -> {
          Kernels k = trial.kernels();
          double epsilon = 0.1; // large enough to be felt
          Tensor x = trial.input("x", tokens, width);
          Tensor weight = trial.input("weight", width);
          Tensor dOut = trial.input("dOut", tokens, width);
          Tensor inverseRms = trial.output("inverseRms", tokens);
          k.rmsNorm(trial.output("out", tokens, width), inverseRms, x, weight, epsilon);
          k.rmsNormBackward(
              trial.accumulator("dX", tokens, width),
              trial.accumulator("dWeight", width),
              dOut,
              inverseRms,
              x,
              weight);
        });
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 64, 3",
    "3, 17, 5",
    "17, 64, 48",
    "65, 33, 129",
    "130, 96, 200",
    "1031, 7, 9"
  })
  default void linear(int tokens, int in, int out) {
    assertAgrees(
        "linear %d x %d to %d".formatted(tokens, in, out),
        trial -> {
          Kernels k = trial.kernels();
          Tensor x = trial.input("x", tokens, in);
          Tensor w = trial.input("w", out, in);
          Tensor dOut = trial.input("dOut", tokens, out);
          k.linear(trial.output("out", tokens, out), x, w, false);
          k.linear(trial.accumulator("out added to", tokens, out), x, w, true);
          k.linearInputGradient(trial.output("dX", tokens, in), dOut, w, false);
          k.linearInputGradient(trial.accumulator("dX added to", tokens, in), dOut, w, true);
          k.linearWeightGradient(trial.accumulator("dW", out, in), dOut, x);
        });
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 10", "1000, 2", "70001, 500"})
  default void adamW(int length, int stepNumber) {
    assertAgrees(
        "adamW %d at step %d".formatted(length, stepNumber),
        trial -> {
          float[] secondMoment = trial.normals(length);
          for (int i = 0; i < length; i++) {
            secondMoment[i] = secondMoment[i] * secondMoment[i] + 0.01f;
          }
          AdamWStep step =
              new AdamWStep(
                  0.05,
                  0.9,
                  0.95,
                  1e-8,
                  0.1,
                  1 - Math.pow(0.9, stepNumber),
                  1 - Math.pow(0.95, stepNumber),
                  0.3);
          trial
              .kernels()
              .adamW(
                  trial.accumulator("value", length),
                  trial.input("gradient", length),
                  trial.accumulator("firstMoment", length),
                  trial.accumulator("secondMoment", secondMoment, length),
                  step);
        });
  }

  /** Parameters that have never seen a gradient: 0 / (0 + ε) is 0 and only the decay acts. */
  @Test
  default void adamWWithoutAnyGradient() {
    assertAgrees(
        "adamW without gradient",
        trial ->
            trial
                .kernels()
                .adamW(
                    trial.accumulator("value", 19),
                    trial.input("gradient", new float[19], 19),
                    trial.accumulator("firstMoment", new float[19], 19),
                    trial.accumulator("secondMoment", new float[19], 19),
                    new AdamWStep(0.05, 0.9, 0.95, 1e-8, 0.1, 0.1, 0.05, 1)));
  }
}
