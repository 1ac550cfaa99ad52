package org.metier.engine.kernel.contract;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.kernel.contract.Routings.Load;
import org.metier.engine.tensor.Tensor;

/** Dispatch, combine and the GEMMs of the experts. */
interface ExpertContract extends Contract {

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, SPREAD, 1",
    "3, 5, 1, SPREAD, 17",
    "17, 8, 2, ODD_EXPERTS_ONLY, 64",
    "65, 4, 4, SPREAD, 33",
    "33, 16, 3, LAST_EXPERTS_ONLY, 8",
    "130, 6, 1, FIRST_EXPERTS_ONLY, 5",
    "1031, 6, 2, SPREAD, 65"
  })
  default void dispatchAndCombine(int tokens, int experts, int topK, Load load, int width) {
    assertAgrees(
        "dispatch, combine: %d tokens to %d of %d, %s".formatted(tokens, topK, experts, load),
        trial -> {
          Kernels k = trial.kernels();
          Routing routing = Routings.random(trial, tokens, experts, topK, load);
          int rows = routing.rows();
          Tensor x = trial.input("x", tokens, width);
          Tensor dDispatched = trial.input("dDispatched", rows, width);
          k.dispatch(trial.output("dispatched", rows, width), x, routing);
          k.dispatchBackward(trial.output("dX", tokens, width), dDispatched, routing);

          Tensor residual = trial.input("residual", tokens, width);
          Tensor y = trial.input("y", rows, width);
          Tensor gates = trial.input("gates", tokens, topK);
          Tensor dOut = trial.input("dOut", tokens, width);
          k.combine(trial.output("out", tokens, width), residual, y, gates, routing);
          k.combineBackward(
              trial.output("dY", rows, width),
              trial.output("dGates", tokens, topK),
              dOut,
              y,
              gates,
              routing);
        });
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, SPREAD, 1, 1",
    "1, 8, 2, SPREAD, 17, 5",
    "3, 5, 1, SPREAD, 3, 17",
    "17, 8, 2, ODD_EXPERTS_ONLY, 33, 64",
    "65, 4, 4, SPREAD, 48, 33",
    "33, 16, 3, LAST_EXPERTS_ONLY, 9, 20",
    "130, 6, 1, FIRST_EXPERTS_ONLY, 65, 24",
    "301, 3, 2, SPREAD, 10, 129"
  })
  default void groupedLinear(int tokens, int experts, int topK, Load load, int in, int out) {
    assertAgrees(
        "groupedLinear: %d tokens to %d of %d, %s, %d to %d"
            .formatted(tokens, topK, experts, load, in, out),
        trial -> {
          Kernels k = trial.kernels();
          Routing routing = Routings.random(trial, tokens, experts, topK, load);
          int rows = routing.rows();
          Tensor x = trial.input("x", rows, in);
          Tensor w = trial.input("w", experts, out, in);
          Tensor dOut = trial.input("dOut", rows, out);
          k.groupedLinear(trial.output("out", rows, out), x, w, routing);
          k.groupedLinearInputGradient(trial.output("dX", rows, in), dOut, w, routing);
          k.groupedLinearWeightGradient(
              trial.accumulator("dW", experts, out, in), dOut, x, routing);
        });
  }
}
