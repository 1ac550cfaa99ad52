package org.metier.engine.kernel.contract;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/** Equations between ops that hold on any correct backend, without any reference. */
interface IdentityContract extends Contract {

  /**
   * Experts that all return the token they are given, weighted by gates that sum to one, return it
   * once. Gates' inputs are 64, since silu(64) is 64 up to 1e-26, and a division by it exact.
   */
  @ParameterizedTest
  @CsvSource({"1, 1, 1", "17, 8, 1", "65, 8, 3", "33, 5, 5"})
  default void identicalExpertsReturnTheToken(int tokens, int experts, int topK) {
    int width = 19;
    float[] in = new float[experts * 2 * width * width];
    float[] outWeight = new float[experts * width * width];
    for (int e = 0; e < experts; e++) {
      for (int i = 0; i < width; i++) {
        in[(e * 2 * width + i) * width] = 64;
        in[(e * 2 * width + width + i) * width + i] = 1;
        outWeight[(e * width + i) * width + i] = 1 / 64f;
      }
    }
    Trial.run(
        candidate(),
        topK,
        trial -> {
          Kernels k = trial.kernels();
          Routing routing = Routings.used(tokens, experts, topK);
          float[] values = trial.normals(tokens * width);
          for (int t = 0; t < tokens; t++) {
            values[t * width] = 1;
          }
          Tensor x = trial.input("x", values, tokens, width);
          Tensor gates = trial.output("gates", tokens, topK);
          Tensor out = trial.output("out", tokens, width);
          k.route(
              trial.output("probabilities", tokens, experts),
              gates,
              routing,
              trial.input("logits", tokens, experts),
              new double[experts],
              true);
          k.experts(
              out,
              trial.output("gateUp", routing.rows(), 2 * width),
              trial.working("work", routing.rows(), width),
              trial.input("zero", new float[tokens * width], tokens, width),
              x,
              gates,
              trial.input("in", in, experts, 2 * width, width),
              trial.input("outWeight", outWeight, experts, width, width),
              routing);
          Contract.assertClose("identical experts", trial.read(out), trial.read(x), tolerance());
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
          Tensor x = trial.input("x", tokens, width);
          Tensor router = trial.input("router", 1, width);
          Tensor in = trial.input("in", 1, 2 * hidden, width);
          Tensor outWeight = trial.input("outWeight", 1, width, hidden);
          Tensor dOut = trial.input("dOut", tokens, width);
          ExpertLayer layer = new ExpertLayer(trial, 1, x, router, in, outWeight, dOut);

          FeedForward dense = new FeedForward(trial.read(in), trial.read(outWeight), hidden);
          double[] out = trial.read(x);
          double[] dX = trial.read(dOut);
          for (int t = 0; t < tokens; t++) {
            double[] token = trial.read(x.rows(t, 1));
            double[] y = dense.forward(token);
            double[] dToken = dense.backward(token, trial.read(dOut.rows(t, 1)));
            for (int i = 0; i < width; i++) {
              out[t * width + i] += y[i];
              dX[t * width + i] += dToken[i];
            }
          }

          Contract.assertClose("out", layer.out, out, tolerance());
          Contract.assertClose("dX", layer.dX, dX, tolerance());
          Contract.assertClose("dIn", layer.dIn, dense.dIn, tolerance());
          Contract.assertClose("dOutWeight", layer.dOutWeight, dense.dOut, tolerance());
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

  /** Four experts, two per token: the same as two dense layers on each token by itself. */
  @Test
  default void expertLayerEqualsALoopOverTokens() {
    Trial.run(
        candidate(),
        5,
        trial -> {
          Tensor x = trial.input("x", 23, 14);
          Tensor router = trial.input("router", 4, 14);
          Tensor in = trial.input("in", 4, 18, 14);
          Tensor outWeight = trial.input("outWeight", 4, 14, 9);
          Tensor dOut = trial.input("dOut", 23, 14);
          ExpertLayer layer = new ExpertLayer(trial, 2, x, router, in, outWeight, dOut);
          TokenLoop loop = new TokenLoop(trial, x, router, in, outWeight, dOut);

          Contract.assertClose("out", layer.out, loop.out, tolerance());
          Contract.assertClose("dX", layer.dX, loop.dX, tolerance());
          Contract.assertClose("dRouter", layer.dRouter, loop.dRouter, tolerance());
          Contract.assertClose("dIn", layer.dIn, loop.dIn(), tolerance());
          Contract.assertClose("dOutWeight", layer.dOutWeight, loop.dOutWeight(), tolerance());
        });
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
