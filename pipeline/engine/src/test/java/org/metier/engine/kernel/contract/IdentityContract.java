package org.metier.engine.kernel.contract;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/** Equations between ops that hold on any correct backend, without any reference. */
interface IdentityContract extends Contract {

  /** Copies to k rows, weighted by gates that sum to one, are the token again. */
  @ParameterizedTest
  @CsvSource({"1, 1, 1", "17, 8, 1", "65, 8, 3", "33, 5, 5"})
  default void combineUndoesDispatch(int tokens, int experts, int topK) {
    Trial.run(
        candidate(),
        topK,
        trial -> {
          Kernels k = trial.kernels();
          Routing routing = Routings.used(tokens, experts, topK);
          Tensor gates = trial.output("gates", tokens, topK);
          Tensor x = trial.input("x", tokens, 19);
          Tensor zero = trial.input("zero", new float[tokens * 19], tokens, 19);
          Tensor rows = trial.output("rows", tokens * topK, 19);
          Tensor out = trial.output("out", tokens, 19);
          k.route(
              trial.output("probabilities", tokens, experts),
              gates,
              routing,
              trial.input("logits", tokens, experts),
              new double[experts],
              true);
          k.dispatch(rows, x, routing);
          k.combine(out, zero, rows, gates, routing);
          Contract.assertClose("combine(dispatch(x))", trial.read(out), trial.read(x), tolerance());
        });
  }

  /** A mixture of one expert is the dense feed-forward layer, values and gradients. */
  @Test
  default void oneExpertIsTheDenseLayer() {
    int tokens = 37;
    int width = 21;
    int hidden = 30;
    Trial.run(
        candidate(),
        3,
        trial -> {
          Kernels k = trial.kernels();
          Tensor x = trial.input("x", tokens, width);
          Tensor router = trial.input("router", 1, width);
          Tensor in = trial.input("in", 1, 2 * hidden, width);
          Tensor outWeight = trial.input("outWeight", 1, width, hidden);
          Tensor dOut = trial.input("dOut", tokens, width);
          ExpertLayer layer = new ExpertLayer(trial, 1, x, router, in, outWeight, dOut);

          Tensor denseIn = in.reshape(2 * hidden, width);
          Tensor denseOut = outWeight.reshape(width, hidden);
          Tensor gateUp = trial.output("dense gateUp", tokens, 2 * hidden);
          Tensor activated = trial.output("dense activated", tokens, hidden);
          Tensor out = trial.output("dense out", tokens, width);
          k.linear(gateUp, x, denseIn, false);
          k.swiGlu(activated, gateUp);
          k.copy(out, x);
          k.linear(out, activated, denseOut, true);

          Tensor dActivated = trial.output("dense dActivated", tokens, hidden);
          Tensor dGateUp = trial.output("dense dGateUp", tokens, 2 * hidden);
          Tensor dX = trial.output("dense dX", tokens, width);
          Tensor dIn = trial.accumulator("dense dIn", new float[in.size()], 2 * hidden, width);
          Tensor dDenseOut =
              trial.accumulator("dense dOut", new float[outWeight.size()], width, hidden);
          k.linearWeightGradient(dDenseOut, dOut, activated);
          k.linearInputGradient(dActivated, dOut, denseOut, false);
          k.swiGluBackward(dGateUp, dActivated, gateUp);
          k.linearWeightGradient(dIn, dGateUp, x);
          k.copy(dX, dOut);
          k.linearInputGradient(dX, dGateUp, denseIn, true);

          Contract.assertClose("out", layer.out, trial.read(out), tolerance());
          Contract.assertClose("dX", layer.dX, trial.read(dX), tolerance());
          Contract.assertClose("dIn", layer.dIn, trial.read(dIn), tolerance());
          Contract.assertClose("dOutWeight", layer.dOutWeight, trial.read(dDenseOut), tolerance());
          assertThat(layer.dRouter).as("gradient of a router without a choice").containsOnly(0);
        });
  }

  /** Tokens do not see each other in the expert layer, so their order cannot matter. */
  @Test
  default void permutingTokensPermutesOutputs() {
    int tokens = 67;
    int width = 18;
    Trial.run(
        candidate(),
        4,
        trial -> {
          int[] source = permutation(trial, tokens);
          float[] x = trial.normals(tokens * width);
          float[] dOut = trial.normals(tokens * width);
          Tensor router = trial.input("router", 8, width);
          Tensor in = trial.input("in", 8, 22, width);
          Tensor outWeight = trial.input("outWeight", 8, width, 11);
          ExpertLayer straight =
              new ExpertLayer(
                  trial,
                  2,
                  trial.input("x", x, tokens, width),
                  router,
                  in,
                  outWeight,
                  trial.input("dOut", dOut, tokens, width));
          ExpertLayer permuted =
              new ExpertLayer(
                  trial,
                  2,
                  trial.input("x permuted", permuteRows(x, source, width), tokens, width),
                  router,
                  in,
                  outWeight,
                  trial.input("dOut permuted", permuteRows(dOut, source, width), tokens, width));

          Contract.assertClose(
              "out", permuted.out, permuteRows(straight.out, source, width), tolerance());
          Contract.assertClose(
              "dX", permuted.dX, permuteRows(straight.dX, source, width), tolerance());
          Contract.assertClose("dRouter", permuted.dRouter, straight.dRouter, tolerance());
          Contract.assertClose("dIn", permuted.dIn, straight.dIn, tolerance());
          Contract.assertClose("dOutWeight", permuted.dOutWeight, straight.dOutWeight, tolerance());
        });
  }

  /** Four experts, two per token: the same as one dense call per token and chosen expert. */
  @Test
  default void expertLayerEqualsALoopOverTokens() {
    int tokens = 23;
    int width = 14;
    int hidden = 9;
    Trial.run(
        candidate(),
        5,
        trial -> {
          Kernels k = trial.kernels();
          Tensor x = trial.input("x", tokens, width);
          Tensor router = trial.input("router", 4, width);
          Tensor in = trial.input("in", 4, 2 * hidden, width);
          Tensor outWeight = trial.input("outWeight", 4, width, hidden);
          Tensor dOut = trial.input("dOut", tokens, width);
          ExpertLayer layer = new ExpertLayer(trial, 2, x, router, in, outWeight, dOut);

          Tensor logits = trial.output("loop logits", 1, 4);
          Tensor gateUp = trial.output("loop gateUp", 1, 2 * hidden);
          Tensor activated = trial.output("loop activated", 1, hidden);
          Tensor y = trial.output("loop y", 1, width);
          for (int t = 0; t < tokens; t++) {
            Tensor token = x.rows(t, 1);
            k.linear(logits, token, router, false);
            double[] z = trial.read(logits);
            int[] best = twoLargest(z);
            double[] expected = trial.read(token);
            for (int expert : best) {
              k.linear(gateUp, token, in.rows(expert, 1).reshape(2 * hidden, width), false);
              k.swiGlu(activated, gateUp);
              k.linear(y, activated, outWeight.rows(expert, 1).reshape(width, hidden), false);
              double gate = Math.exp(z[expert]) / (Math.exp(z[best[0]]) + Math.exp(z[best[1]]));
              double[] values = trial.read(y);
              for (int i = 0; i < width; i++) {
                expected[i] += gate * values[i];
              }
            }
            double[] actual = Arrays.copyOfRange(layer.out, t * width, (t + 1) * width);
            Contract.assertClose("out of token " + t, actual, expected, tolerance());
          }
        });
  }

  private static int[] twoLargest(double[] z) {
    int first = 0;
    for (int e = 1; e < z.length; e++) {
      first = z[e] > z[first] ? e : first;
    }
    int second = first == 0 ? 1 : 0;
    for (int e = 0; e < z.length; e++) {
      second = e != first && z[e] > z[second] ? e : second;
    }
    return new int[] {first, second};
  }

  private static int[] permutation(Trial trial, int length) {
    int[] order = new int[length];
    for (int i = 0; i < length; i++) {
      int j = trial.random().nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  private static float[] permuteRows(float[] matrix, int[] source, int width) {
    float[] permuted = new float[matrix.length];
    for (int row = 0; row < source.length; row++) {
      System.arraycopy(matrix, source[row] * width, permuted, row * width, width);
    }
    return permuted;
  }

  private static double[] permuteRows(double[] matrix, int[] source, int width) {
    double[] permuted = new double[matrix.length];
    for (int row = 0; row < source.length; row++) {
      System.arraycopy(matrix, source[row] * width, permuted, row * width, width);
    }
    return permuted;
  }
}
