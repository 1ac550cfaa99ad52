package org.metier.engine.kernel.contract;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.kernel.contract.Routings.Load;
import org.metier.engine.tensor.Tensor;

/** The experts, from tokens to tokens. */
interface ExpertContract extends Contract {

  /**
   * From no row at all to several thousand in an expert; a backend may go through them in tiles.
   */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, SPREAD, 1, 1",
    "1, 8, 2, SPREAD, 17, 5",
    "3, 5, 1, SPREAD, 3, 17",
    "17, 8, 2, ODD_EXPERTS_ONLY, 33, 64",
    "65, 4, 4, SPREAD, 48, 33",
    "33, 16, 3, LAST_EXPERTS_ONLY, 8, 20",
    "130, 6, 1, FIRST_EXPERTS_ONLY, 65, 24",
    "301, 3, 2, SPREAD, 10, 129",
    "512, 2, 1, LAST_EXPERTS_ONLY, 7, 16",
    "1031, 6, 2, FIRST_EXPERTS_ONLY, 21, 32",
    "4801, 3, 2, SPREAD, 9, 11"
  })
  default void experts(int tokens, int experts, int topK, Load load, int width, int hidden) {
    assertAgrees(
        "experts: %d tokens to %d of %d, %s, %d to %d"
            .formatted(tokens, topK, experts, load, width, hidden),
        trial -> {
          Routing routing = Routings.random(trial, tokens, experts, topK, load);
          forwardAndBackward(trial, routing, width, hidden);
        });
  }

  /** Choices that nobody computes, of null experts and of experts without room; or none at all. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 9, 1, 0, 5, 6",
    "2, 1, 40, 1, 0, 3, 5", // no row at all
    "17, 8, 8, 4, 0, 17, 5",
    "65, 4, 4, 8, 0, 24, 33", // every column is chosen
    "130, 6, 0, 2, 0.5, 21, 24",
    "301, 3, 5, 4, 0.7, 10, 129",
    "1031, 6, 6, 4, 1.02, 9, 11"
  })
  default void expertsWithoutAllRows(
      int tokens, int experts, int nulls, int topK, double factor, int width, int hidden) {
    assertAgrees(
        "experts: %d tokens to %d of %d and %d nulls, capacity %s"
            .formatted(tokens, topK, experts, nulls, factor),
        trial -> {
          Routing routing = Routings.sparse(trial, tokens, experts, nulls, topK, factor);
          forwardAndBackward(trial, routing, width, hidden);
        });
  }

  private static void forwardAndBackward(Trial trial, Routing routing, int width, int hidden) {
    int tokens = routing.tokens();
    int experts = routing.numExperts();
    // [g | u] of order 1, where SwiGLU is furthest from linear
    float[] gateUpWeight = trial.normals(experts * 2 * hidden * width);
    for (int i = 0; i < gateUpWeight.length; i++) {
      gateUpWeight[i] /= (float) Math.sqrt(width);
    }
    forwardAndBackward(
        trial,
        routing,
        trial.input("residual", tokens, width),
        trial.input("x", tokens, width),
        trial.input("gateUpWeight", gateUpWeight, experts, 2 * hidden, width),
        trial.input("downWeight", experts, width, hidden));
  }

  /** From g = -280 to 280: exp must neither overflow nor turn the product into NaN. */
  @ParameterizedTest
  @CsvSource({"19", "32"})
  default void expertsOfLargeGates(int hidden) {
    assertAgrees(
        "experts of large gates, %d wide".formatted(hidden),
        trial -> {
          Routing routing = Routings.random(trial, 6, 2, 1, Load.SPREAD);
          float[] x = trial.normals(6 * 3);
          for (int t = 0; t < 6; t++) {
            x[t * 3] = t % 2 == 0 ? 1 : -1;
          }
          // The first feature alone makes the gates, the others make up.
          float[] gateUpWeight = trial.normals(2 * 2 * hidden * 3);
          for (int e = 0; e < 2; e++) {
            for (int i = 0; i < hidden; i++) {
              int gate = (e * 2 * hidden + i) * 3;
              gateUpWeight[gate] = 100 + 180f * i / (hidden - 1);
              gateUpWeight[gate + 1] = 0;
              gateUpWeight[gate + 2] = 0;
              gateUpWeight[gate + hidden * 3] = 0;
            }
          }
          forwardAndBackward(
              trial,
              routing,
              trial.input("residual", 6, 3),
              trial.input("x", x, 6, 3),
              trial.input("gateUpWeight", gateUpWeight, 2, 2 * hidden, 3),
              trial.input("downWeight", 2, 3, hidden));
        });
  }

  /** Gates' inputs down to the least float: silu is half of them, its slope one half. */
  @Test
  default void expertsOfSmallGates() {
    assertAgrees(
        "experts of small gates",
        trial -> {
          Routing routing = Routings.random(trial, 6, 2, 1, Load.SPREAD);
          float[] gateUpWeight = trial.normals(2 * 32 * 3);
          for (int e = 0; e < 2; e++) {
            for (int i = 0; i < 16 * 3; i++) {
              gateUpWeight[e * 32 * 3 + i] *= i < 8 * 3 ? 1e-20f : Float.MIN_VALUE;
            }
          }
          forwardAndBackward(
              trial,
              routing,
              // Nothing beside which the experts' tiny results would not count.
              trial.input("residual", new float[6 * 3], 6, 3),
              trial.input("x", 6, 3),
              trial.input("gateUpWeight", gateUpWeight, 2, 32, 3),
              trial.input("downWeight", 2, 3, 16));
        });
  }

  private static void forwardAndBackward(
      Trial trial,
      Routing routing,
      Tensor residual,
      Tensor x,
      Tensor gateUpWeight,
      Tensor downWeight) {
    Kernels k = trial.kernels();
    int tokens = x.dim(0);
    int width = x.dim(1);
    int hidden = downWeight.dim(2);
    Tensor gates = trial.input("gates", tokens, routing.topK());
    Tensor dOut = trial.input("dOut", tokens, width);
    Tensor gateUp = trial.output("gateUp", routing.rows(), 2 * hidden);
    k.experts(
        trial.output("out", tokens, width),
        gateUp,
        trial.working("work", routing.rows(), width),
        residual,
        x,
        gates,
        gateUpWeight,
        downWeight,
        routing);
    k.expertsBackward(
        trial.output("dX", tokens, width),
        trial.output("dGates", tokens, routing.topK()),
        trial.accumulator("dGateUpWeight", gateUpWeight.shape()),
        trial.accumulator("dDownWeight", downWeight.shape()),
        trial.working("work, backward", routing.rows(), width),
        dOut,
        gateUp,
        x,
        gates,
        gateUpWeight,
        downWeight,
        routing);
  }
}
