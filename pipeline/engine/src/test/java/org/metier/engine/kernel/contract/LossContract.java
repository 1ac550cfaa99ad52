package org.metier.engine.kernel.contract;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.tensor.Tensor;

/** Cross-entropy fused with the output projection. */
interface LossContract extends Contract {

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 8, 2",
    "3, 17, 5",
    "17, 8, 257",
    "65, 33, 1000",
    "130, 16, 1031",
    "600, 5, 4099",
    "1031, 3, 67",
    "2, 7, 9001"
  })
  default void crossEntropy(int tokens, int width, int vocabulary) {
    assertAgrees(
        "crossEntropy %d x %d of %d".formatted(tokens, width, vocabulary),
        trial -> {
          int[] targets = trial.indices(tokens + 2, vocabulary);
          for (int t = 1; t < tokens; t += 5) {
            targets[t] = -1 - t; // not counted
          }
          targets[tokens] = Integer.MAX_VALUE; // beyond the rows: must be ignored
          runCrossEntropy(trial, tokens, width, vocabulary, -0.75, targets);
        });
  }

  /** Logits of some hundreds, where exp of a float overflows; integers, so that they are exact. */
  @Test
  default void crossEntropyOfLargeLogits() {
    assertAgrees(
        "crossEntropy of large logits",
        trial -> {
          float[] x = new float[7 * 3];
          float[] head = new float[21 * 3];
          for (int i = 0; i < x.length; i++) {
            x[i] = trial.random().nextInt(-8, 9);
          }
          for (int i = 0; i < head.length; i++) {
            head[i] = trial.random().nextInt(-8, 9);
          }
          double[] losses = new double[7];
          trial
              .kernels()
              .crossEntropyWithGradient(
                  losses,
                  trial.output("dX", 7, 3),
                  trial.accumulator("dHead", 21, 3),
                  trial.input("x", x, 7, 3),
                  trial.input("head", head, 21, 3),
                  trial.indices(7, 21),
                  0.5);
          trial.result("losses", losses);
        });
  }

  /** Small integers: logits are exact in every precision, and many are equal. */
  @ParameterizedTest
  @CsvSource({"1, 1, 1", "3, 2, 5", "17, 3, 257", "130, 4, 1031", "600, 2, 4099"})
  default void crossEntropyAndArgMax(int tokens, int width, int vocabulary) {
    assertAgrees(
        "crossEntropyAndArgMax %d x %d of %d".formatted(tokens, width, vocabulary),
        trial -> {
          float[] x = integers(trial, tokens * width);
          float[] head = integers(trial, vocabulary * width);
          int[] targets = trial.indices(tokens + 1, vocabulary);
          for (int t = 1; t < tokens; t += 5) {
            targets[t] = -1 - t; // not counted
          }
          double[] losses = new double[tokens + 1];
          losses[tokens] = 7;
          int[] argMax = new int[tokens + 1];
          argMax[tokens] = 7;
          trial
              .kernels()
              .crossEntropyAndArgMax(
                  losses,
                  argMax,
                  trial.input("x", x, tokens, width),
                  trial.input("head", head, vocabulary, width),
                  targets);
          assertThat(argMax[tokens]).as("beyond the rows").isEqualTo(7);
          assertThat(losses[tokens]).as("losses beyond the rows").isEqualTo(7);
          trial.result("losses", Arrays.copyOf(losses, tokens));
          trial.result("argMax", Arrays.stream(argMax, 0, tokens).asDoubleStream().toArray());
        });
  }

  private static float[] integers(Trial trial, int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = trial.random().nextInt(-4, 5);
    }
    return values;
  }

  /** Against no reference: without any target nothing is lost, and nothing moves. */
  @Test
  default void withoutTargetsThereIsNoGradient() {
    Map<String, Trial.Result> results =
        Trial.run(
            candidate(),
            1,
            trial -> {
              int[] targets = new int[19];
              Arrays.fill(targets, -1);
              Tensor dHead = trial.accumulator("dHead", 11, 6);
              double[] before = trial.read(dHead);
              double[] losses = new double[19];
              Arrays.fill(losses, Double.NaN);
              trial
                  .kernels()
                  .crossEntropyWithGradient(
                      losses,
                      trial.output("dX", 19, 6),
                      dHead,
                      trial.input("x", 19, 6),
                      trial.input("head", 11, 6),
                      targets,
                      1);
              assertThat(losses).containsOnly(0);
              assertThat(trial.read(dHead)).isEqualTo(before);
            });
    assertThat(results.get("dX").values()).containsOnly(0);
  }

  private static void runCrossEntropy(
      Trial trial, int tokens, int width, int vocabulary, double scale, int[] targets) {
    // Logits of order 1 whatever the width.
    float[] head = trial.normals(vocabulary * width);
    for (int i = 0; i < head.length; i++) {
      head[i] /= (float) Math.sqrt(width);
    }
    Tensor x = trial.input("x", tokens, width);
    Tensor table = trial.input("head", head, vocabulary, width);
    double[] losses = new double[tokens + 2];
    Arrays.fill(losses, 7);
    trial.kernels().crossEntropy(losses, x, table, targets);
    assertThat(losses).as("losses beyond the rows").endsWith(7, 7);
    trial.result("losses", Arrays.copyOf(losses, tokens));

    Arrays.fill(losses, 7);
    trial
        .kernels()
        .crossEntropyWithGradient(
            losses,
            trial.output("dX", tokens, width),
            trial.accumulator("dHead", vocabulary, width),
            x,
            table,
            targets,
            scale);
    assertThat(losses).as("losses beyond the rows").endsWith(7, 7);
    trial.result("losses with gradient", Arrays.copyOf(losses, tokens));
  }
}
