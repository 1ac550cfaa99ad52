package org.metier.engine.kernel.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.metier.engine.kernel.DropPolicy;
import org.metier.engine.kernel.ExpertCapacity;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/** Identities of null experts (AdaMoE, arXiv 2406.13233) and of capacities; no reference needed. */
interface SparseRoutingContract extends Contract {
  int TOKENS = 67;
  int EXPERTS = 4;
  int WIDTH = 10;
  int HIDDEN = 6;

  /** A layer's tensors; the router has a row more for each null. */
  record Layer(float[] x, float[] router, float[] in, float[] out, float[] dOut) {
    static Layer of(Trial trial, int nulls) {
      return new Layer(
          trial.normals(TOKENS * WIDTH),
          trial.normals((EXPERTS + nulls) * WIDTH),
          trial.normals(EXPERTS * 2 * HIDDEN * WIDTH),
          trial.normals(EXPERTS * WIDTH * HIDDEN),
          trial.normals(TOKENS * WIDTH));
    }

    Layer withRouter(float[] other) {
      return new Layer(x, other, in, out, dOut);
    }

    ExpertLayer run(Trial trial, int nulls, int topK, ExpertCapacity capacity, double nullBias) {
      int columns = EXPERTS + nulls;
      double[] bias = new double[columns];
      Arrays.fill(bias, EXPERTS, columns, nullBias);
      return new ExpertLayer(
          trial,
          Routings.used(TOKENS, EXPERTS, nulls, topK, capacity),
          bias,
          trial.input("x", x, TOKENS, WIDTH),
          trial.input("router", router, columns, WIDTH),
          trial.input("in", in, EXPERTS, 2 * HIDDEN, WIDTH),
          trial.input("outWeight", out, EXPERTS, WIDTH, HIDDEN),
          trial.input("dOut", dOut, TOKENS, WIDTH));
    }
  }

  /** Gates sum to 1 over a token's experts, or are all 0 where it has chosen nulls alone. */
  @Test
  default void gatesAreSharedAmongTheExpertsOfAToken() {
    Trial.run(
        candidate(),
        11,
        trial -> {
          int topK = 2;
          ExpertLayer layer =
              Layer.of(trial, 6).run(trial, 6, topK, ExpertCapacity.UNLIMITED, 0.75);
          long[] tokensByExperts = new long[topK + 1];
          layer.routing.addTokensByExperts(tokensByExperts);
          assertThat(tokensByExperts).as("tokens of 0, 1 and 2 experts").doesNotContain(0);
          assertThat(Arrays.stream(tokensByExperts).sum()).isEqualTo(TOKENS);
          for (int t = 0; t < TOKENS; t++) {
            double sum = 0;
            int experts = 0;
            for (int slot = t * topK; slot < (t + 1) * topK; slot++) {
              boolean isNull = layer.routing.expertOfSlot[slot] >= EXPERTS;
              assertThat(layer.routing.hasRow(slot)).isEqualTo(!isNull);
              assertThat(isNull ? layer.gates[slot] : 0).isZero();
              sum += layer.gates[slot];
              experts += isNull ? 0 : 1;
            }
            assertThat(sum).isCloseTo(experts == 0 ? 0 : 1, within(1e-6));
          }
          // Counting: a token's experts are its rows, and every choice is counted somewhere.
          long[] counts = new long[EXPERTS + 6];
          layer.routing.addCounts(counts);
          assertThat(Arrays.stream(counts).sum()).isEqualTo((long) topK * TOKENS);
          assertThat(Arrays.stream(counts).limit(EXPERTS).sum())
              .isEqualTo(layer.routing.rows())
              .isEqualTo(tokensByExperts[1] + 2 * tokensByExperts[2]);
        });
  }

  /** Where the nulls lie among their columns is of no consequence. */
  @Test
  default void permutingNullsChangesNothing() {
    Trial.run(
        candidate(),
        12,
        trial -> {
          int nulls = 3;
          Layer layer = Layer.of(trial, nulls);
          float[] router = layer.router.clone();
          System.arraycopy(layer.router, EXPERTS * WIDTH, router, (EXPERTS + 1) * WIDTH, WIDTH);
          System.arraycopy(layer.router, (EXPERTS + 1) * WIDTH, router, EXPERTS * WIDTH, WIDTH);
          ExpertLayer straight = layer.run(trial, nulls, 3, ExpertCapacity.UNLIMITED, 0);
          ExpertLayer permuted =
              layer.withRouter(router).run(trial, nulls, 3, ExpertCapacity.UNLIMITED, 0);

          assertThat(straight.routing.rows()).isLessThan(3 * TOKENS);
          Contract.assertClose("out", permuted.out, straight.out, tolerance());
          Contract.assertClose("dX", permuted.dX, straight.dX, tolerance());
          Contract.assertClose("dIn", permuted.dIn, straight.dIn, tolerance());
        });
  }

  /**
   * A null's logit has no say in the gates of the experts chosen beside it: with every column
   * chosen the layer is what it is without nulls, whatever their logits.
   */
  @Test
  default void nullsDoNotTouchTheGatesOfExperts() {
    Trial.run(
        candidate(),
        13,
        trial -> {
          Layer with = Layer.of(trial, 2);
          float[] router = with.router.clone();
          for (int i = EXPERTS * WIDTH; i < router.length; i++) {
            router[i] *= 20; // logits of ±60 for the nulls: experts' probabilities all but vanish
          }
          Layer without = with.withRouter(Arrays.copyOf(router, EXPERTS * WIDTH));
          ExpertLayer all =
              with.withRouter(router).run(trial, 2, EXPERTS + 2, ExpertCapacity.UNLIMITED, 0);
          ExpertLayer vanilla = without.run(trial, 0, EXPERTS, ExpertCapacity.UNLIMITED, 0);

          Contract.assertClose("out", all.out, vanilla.out, tolerance());
          Contract.assertClose("dX", all.dX, vanilla.dX, tolerance());
          Contract.assertClose("dIn", all.dIn, vanilla.dIn, tolerance());
          double[] ofExperts = Arrays.copyOf(all.dRouter, EXPERTS * WIDTH);
          Contract.assertClose("dRouter", ofExperts, vanilla.dRouter, tolerance());
        });
  }

  /** Tokens that choose nulls alone pass by the layer: exactly, both ways, and without NaN. */
  @Test
  default void allNullTokensPassByTheLayer() {
    Trial.run(
        candidate(),
        14,
        trial -> {
          Layer tensors = Layer.of(trial, 3);
          ExpertLayer layer = tensors.run(trial, 3, 2, ExpertCapacity.UNLIMITED, 1e3);
          assertThat(layer.routing.rows()).isZero();
          assertThat(layer.gates).containsOnly(0);
          assertThat(layer.out).containsExactly(doubles(tensors.x));
          assertThat(layer.dX).containsExactly(doubles(tensors.dOut));
          assertThat(layer.dIn).containsOnly(0);
          assertThat(layer.dRouter).containsOnly(0);
        });
  }

  /** Room for everyone is no limit: the same bits as without. */
  @ParameterizedTest
  @EnumSource(DropPolicy.class)
  default void ampleCapacityIsDropless(DropPolicy policy) {
    Trial.run(
        candidate(),
        15,
        trial -> {
          Layer tensors = Layer.of(trial, 0);
          ExpertLayer dropless = tensors.run(trial, 0, 2, ExpertCapacity.UNLIMITED, 0);
          ExpertLayer ample = tensors.run(trial, 0, 2, new ExpertCapacity(1e6, policy), 0);
          assertThat(ample.routing.dropped).containsOnly(0);
          assertThat(ample.routing.gateMass).containsExactly(dropless.routing.gateMass);
          assertThat(ample.out).containsExactly(dropless.out);
          assertThat(ample.dX).containsExactly(dropless.dX);
          assertThat(ample.dRouter).containsExactly(dropless.dRouter);
          assertThat(ample.dIn).containsExactly(dropless.dIn);
          assertThat(ample.dOutWeight).containsExactly(dropless.dOutWeight);
        });
  }

  /** No expert has more rows than its capacity, and rows and drops are all the choices. */
  @ParameterizedTest
  @EnumSource(DropPolicy.class)
  default void capacityLimitsEveryExpert(DropPolicy policy) {
    Trial.run(
        candidate(),
        16,
        trial -> {
          ExpertCapacity capacity = new ExpertCapacity(0.8, policy);
          ExpertLayer layer = Layer.of(trial, 0).run(trial, 0, 2, capacity, 0);
          Routing routing = layer.routing;
          int room = (int) Math.ceil(0.8 * 2 * TOKENS / EXPERTS);
          long[] chosen = new long[EXPERTS];
          routing.addCounts(chosen);
          for (int e = 0; e < EXPERTS; e++) {
            assertThat(routing.count(e)).isEqualTo((int) Math.min(room, chosen[e]));
            assertThat(routing.dropped[e]).isEqualTo((int) chosen[e] - routing.count(e));
          }
          double mass = 0;
          for (int slot = 0; slot < routing.slots(); slot++) {
            mass += routing.hasRow(slot) ? layer.gates[slot] : 0;
          }
          assertThat(Arrays.stream(routing.gateMass).sum()).isCloseTo(mass, within(1e-5 * mass));
          // Nobody's gates are shared out anew: with those of the dropped they still sum to 1.
          assertThat(Arrays.stream(layer.gates).sum()).isCloseTo(TOKENS, within(1e-4));
        });
  }

  /** A part of the experts at a time gives the whole: what experts of several widths rest on. */
  @Test
  default void expertsInTwoPartsAreTheWhole() {
    Trial.run(
        candidate(),
        17,
        trial -> {
          Routing all = Routings.sparse(trial, TOKENS, EXPERTS, 2, 3, 0.9);
          Tensor x = trial.input("x", TOKENS, WIDTH);
          Tensor residual = trial.input("residual", TOKENS, WIDTH);
          Tensor gates = trial.input("gates", TOKENS, 3);
          Tensor in = trial.input("in", EXPERTS, 2 * HIDDEN, WIDTH);
          Tensor outWeight = trial.input("outWeight", EXPERTS, WIDTH, HIDDEN);
          double[] whole = forward(trial, all, residual, x, gates, in, outWeight);
          Routing first = Routings.used(TOKENS, 1, 1, 3, ExpertCapacity.UNLIMITED);
          Routing rest = Routings.used(TOKENS, EXPERTS - 1, 1, 3, ExpertCapacity.UNLIMITED);
          first.takeExperts(all, 0);
          rest.takeExperts(all, 1);
          assertThat(first.rows() + rest.rows()).isEqualTo(all.rows());
          double[] ofFirst =
              forward(trial, first, residual, x, gates, in.rows(0, 1), outWeight.rows(0, 1));
          float[] between = new float[ofFirst.length];
          for (int i = 0; i < between.length; i++) {
            between[i] = (float) ofFirst[i];
          }
          double[] ofBoth =
              forward(
                  trial,
                  rest,
                  trial.input("between", between, TOKENS, WIDTH),
                  x,
                  gates,
                  in.rows(1, EXPERTS - 1),
                  outWeight.rows(1, EXPERTS - 1));
          // At the least what rounding the intermediate result to float costs.
          Contract.assertClose("out", ofBoth, whole, Math.max(1e-6, tolerance()));
        });
  }

  private static double[] forward(
      Trial trial,
      Routing routing,
      Tensor residual,
      Tensor x,
      Tensor gates,
      Tensor in,
      Tensor outWeight) {
    Tensor out = trial.output("out of " + routing.numExperts(), TOKENS, WIDTH);
    trial
        .kernels()
        .experts(
            out,
            trial.output("gateUp of " + routing.numExperts(), routing.rows(), 2 * HIDDEN),
            trial.working("work", routing.rows(), WIDTH),
            residual,
            x,
            gates,
            in,
            outWeight,
            routing);
    return trial.read(out);
  }

  private static double[] doubles(float[] values) {
    double[] doubles = new double[values.length];
    for (int i = 0; i < doubles.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }
}
