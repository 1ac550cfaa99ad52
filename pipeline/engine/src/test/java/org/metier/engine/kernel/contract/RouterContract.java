package org.metier.engine.kernel.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.DropPolicy;
import org.metier.engine.kernel.ExpertCapacity;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.kernel.RouterScoring.Activation;
import org.metier.engine.kernel.RouterScoring.BiasOn;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/**
 * The router. Logits and biases are multiples of 1/64, so that every backend computes the scores
 * exactly and makes the same choice, ties included.
 */
interface RouterContract extends Contract {

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, true",
    "1, 1, 1, false",
    "3, 5, 1, true",
    "3, 5, 1, false",
    "17, 8, 2, true",
    "17, 8, 2, false",
    "65, 16, 16, true",
    "65, 16, 16, false",
    "33, 7, 7, false",
    "130, 4, 2, true",
    "1031, 6, 2, true",
    "1031, 6, 2, false",
    "5, 67, 9, true",
    "5, 67, 9, false"
  })
  default void router(int tokens, int experts, int topK, boolean normalize) {
    assertAgrees(
        "route %d tokens to %d of %d, normalize %s".formatted(tokens, topK, experts, normalize),
        trial -> {
          float[] values = trial.sixtyFourths(tokens * experts);
          double[] bias = new double[experts];
          for (int e = 0; e < experts; e++) {
            bias[e] = trial.random().nextInt(-64, 65) / 64.0;
          }
          Tensor logits = trial.input("logits", values, tokens, experts);
          runRouter(trial, logits, bias, Routings.used(tokens, experts, topK), normalize);
        });
  }

  /** Null experts, a capacity (as drop policy and factor) and both. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, true, PROBABILITY, 0",
    "33, 3, 5, 4, true, PROBABILITY, 0",
    "33, 3, 5, 4, false, PROBABILITY, 0",
    "17, 2, 9, 1, true, POSITION, 0",
    "65, 4, 4, 8, true, POSITION, 0",
    "130, 5, 0, 2, true, PROBABILITY, 1",
    "130, 5, 0, 2, false, PROBABILITY, 0.6",
    "1031, 6, 0, 2, true, POSITION, 1.1",
    "513, 4, 4, 3, true, PROBABILITY, 0.9",
    "513, 4, 4, 3, false, POSITION, 0.4",
    "7, 3, 2, 2, true, POSITION, 1e-3"
  })
  default void routerWithoutAllRows(
      int tokens,
      int experts,
      int nulls,
      int topK,
      boolean normalize,
      DropPolicy policy,
      double factor) {
    int columns = experts + nulls;
    assertAgrees(
        "route %d tokens to %d of %d and %d nulls, normalize %s, capacity %s by %s"
            .formatted(tokens, topK, experts, nulls, normalize, factor, policy),
        trial -> {
          Tensor logits =
              trial.input("logits", trial.sixtyFourths(tokens * columns), tokens, columns);
          ExpertCapacity capacity = new ExpertCapacity(factor, policy);
          Routing routing = Routings.used(tokens, experts, nulls, topK, capacity);
          runRouter(trial, logits, new double[columns], routing, normalize);
        });
  }

  /** Scores lie far enough apart that the rounding of an activation changes no choice. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, true",
    "17, 8, 2, true",
    "17, 8, 2, false",
    "33, 7, 7, false",
    "1031, 6, 2, true",
    "1031, 6, 2, false",
    "5, 67, 9, true"
  })
  default void routerWithSigmoids(int tokens, int experts, int topK, boolean normalize) {
    for (BiasOn biasOn : BiasOn.values()) {
      RouterScoring scoring = new RouterScoring(Activation.SIGMOID, biasOn);
      assertAgrees(
          "route %d tokens to %d of %d, normalize %s, %s"
              .formatted(tokens, topK, experts, normalize, scoring),
          trial -> {
            double[] bias = new double[experts];
            for (int e = 0; e < experts; e++) {
              bias[e] = trial.random().nextInt(-64, 65) / 64.0;
            }
            float[] values = trial.sixtyFourths(tokens * experts);
            Tensor logits = trial.input("logits", values, tokens, experts);
            runRouter(
                trial, logits, bias, Routings.used(tokens, experts, topK, scoring), normalize);
          });
    }
  }

  @ParameterizedTest
  @CsvSource({"17, 8, 2, true", "17, 8, 2, false", "1031, 6, 2, true"})
  default void routerWithABiasOnTheProbabilities(
      int tokens, int experts, int topK, boolean normalize) {
    RouterScoring scoring = new RouterScoring(Activation.SOFTMAX, BiasOn.ACTIVATION);
    assertAgrees(
        "route %d tokens to %d of %d, normalize %s, %s"
            .formatted(tokens, topK, experts, normalize, scoring),
        trial -> {
          double[] bias = new double[experts];
          for (int e = 0; e < experts; e++) {
            bias[e] = trial.random().nextInt(-64, 65) / 640.0;
          }
          float[] values = trial.sixtyFourths(tokens * experts);
          runRouter(
              trial,
              trial.input("logits", values, tokens, experts),
              bias,
              Routings.used(tokens, experts, topK, scoring),
              normalize);
        });
  }

  /** Where every sigmoid of a row vanishes in float, and where every one is 1. */
  @ParameterizedTest
  @CsvSource({"true, -150", "true, 30", "false, 30", "false, -20"})
  default void routerWithSaturatedSigmoids(boolean normalize, float level) {
    assertAgrees(
        "route sigmoids around %s, normalize %s".formatted(level, normalize),
        trial -> {
          float[] values = new float[5 * 9];
          for (int i = 0; i < values.length; i++) {
            values[i] = level + (i * 7 % 9 - 4);
          }
          Tensor logits = trial.input("logits", values, 5, 9);
          RouterScoring scoring = new RouterScoring(Activation.SIGMOID, BiasOn.ACTIVATION);
          runRouter(trial, logits, new double[9], Routings.used(5, 9, 2, scoring), normalize);
        });
  }

  /** Logits of ±200, where exp of a float overflows and all but one probability vanishes. */
  @ParameterizedTest
  @CsvSource({"true", "false"})
  default void routerWithLargeLogits(boolean normalize) {
    assertAgrees(
        "route large logits, normalize " + normalize,
        trial -> {
          float[] values = new float[5 * 9];
          for (int i = 0; i < values.length; i++) {
            values[i] = (i * 7 % 9 - 4) * 50;
          }
          Tensor logits = trial.input("logits", values, 5, 9);
          runRouter(trial, logits, new double[9], Routings.used(5, 9, 2), normalize);
        });
  }

  /** Against no reference: with equal scores the lower expert numbers win, in order. */
  @Test
  default void tiesGoToTheLowerExpert() {
    Trial.run(
        candidate(),
        1,
        trial -> {
          Routing routing = Routings.used(2, 6, 3);
          float[] logits = {1, 1, 1, 1, 1, 1, 0, 2, 1, 2, 0, 1};
          double[] bias = {0, 0, 0, 0, 0, 1};
          trial
              .kernels()
              .route(
                  trial.output("probabilities", 2, 6),
                  trial.output("gates", 2, 3),
                  routing,
                  trial.input("logits", logits, 2, 6),
                  bias,
                  true);
          assertThat(routing.expertOfSlot).startsWith(5, 0, 1, 1, 3, 5);
          assertThat(routing.tokens()).isEqualTo(2);
        });
  }

  private static void runRouter(
      Trial trial, Tensor logits, double[] bias, Routing routing, boolean normalize) {
    Kernels k = trial.kernels();
    int tokens = logits.dim(0);
    int experts = logits.dim(1);
    int topK = routing.topK();
    Tensor probabilities = trial.output("probabilities", tokens, experts);
    Tensor gates = trial.output("gates", tokens, topK);
    k.route(probabilities, gates, routing, logits, bias, normalize);

    trial.exactResult("tokens", new int[] {routing.tokens()}, 1);
    trial.exactResult("expertOfSlot", routing.expertOfSlot, routing.slots());
    trial.exactResult("slotOfRow", routing.slotOfRow, routing.rows());
    trial.exactResult("rowOfSlot", routing.rowOfSlot, routing.slots());
    trial.exactResult("offsets", routing.offsets, routing.numExperts() + 1);
    trial.exactResult("dropped", routing.dropped, routing.numExperts());
    trial.result("probabilitySum", routing.probabilitySum);
    trial.result("gateMass", routing.gateMass);
    trial.result("scoreSum", routing.scoreSum);
    trial.result("squaredLogSumExp", routing.squaredLogSumExp);

    // Both are means over the tokens: times T, they weigh as much as the gates do.
    double[] meanProbabilityGradient = new double[experts];
    for (int e = 0; e < experts; e++) {
      meanProbabilityGradient[e] = tokens * trial.random().nextGaussian();
    }
    Tensor dGates = trial.input("dGates", tokens, topK);
    k.routeBackward(
        trial.output("dLogits", tokens, experts),
        dGates,
        probabilities,
        gates,
        routing,
        logits,
        normalize,
        meanProbabilityGradient,
        0.3 * tokens);
    for (int runs : new int[] {tokens, smallestDivisor(tokens)}) {
      k.routeBackward(
          trial.output("dLogits of %d runs' means".formatted(runs), tokens, experts),
          dGates,
          probabilities,
          gates,
          routing,
          logits,
          normalize,
          trial.doubles(runs * experts),
          0.3 * tokens);
    }
    k.routeBackward(
        trial.output("dLogits of the gates alone", tokens, experts),
        dGates,
        probabilities,
        gates,
        routing,
        logits,
        normalize,
        new double[experts],
        0);
  }

  /** Means over runs of tokens are those over all tokens if every run has the same gradient. */
  @Test
  default void equalRunsAreOneRun() {
    Trial.run(
        candidate(),
        1,
        trial -> {
          Kernels k = trial.kernels();
          int tokens = 12;
          int experts = 5;
          Routing routing = Routings.used(tokens, experts, 2);
          Tensor logits = trial.input("logits", trial.normals(tokens * experts), tokens, experts);
          Tensor probabilities = trial.output("probabilities", tokens, experts);
          Tensor gates = trial.output("gates", tokens, 2);
          Tensor dGates = trial.input("dGates", tokens, 2);
          k.route(probabilities, gates, routing, logits, new double[experts], true);
          double[] ofAll = trial.doubles(experts);
          double[] ofRuns = new double[3 * experts];
          for (int i = 0; i < ofRuns.length; i++) {
            ofRuns[i] = ofAll[i % experts] / 3;
          }
          Tensor one = trial.output("one run", tokens, experts);
          Tensor three = trial.output("three runs", tokens, experts);
          k.routeBackward(one, dGates, probabilities, gates, routing, logits, true, ofAll, 0);
          k.routeBackward(three, dGates, probabilities, gates, routing, logits, true, ofRuns, 0);
          // Two roundings more per element, of numbers of order 1.
          assertThat(trial.read(three)).containsExactly(trial.read(one), within(1e-6));
          assertThatThrownBy(
                  () ->
                      k.routeBackward(
                          one,
                          dGates,
                          probabilities,
                          gates,
                          routing,
                          logits,
                          true,
                          new double[5 * experts],
                          0))
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("equal run of the 12 tokens");
        });
  }

  private static int smallestDivisor(int n) {
    int divisor = 2;
    while (divisor < n && n % divisor != 0) {
      divisor++;
    }
    return Math.min(divisor, n);
  }
}
