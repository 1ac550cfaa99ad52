package org.metier.model.balance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.ExpertCapacity;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.Tensor;

/**
 * Identities of AdaMoE's loss with averaged null frequencies (arXiv 2406.13233, Eq. 6), on a real
 * router in double. Here f sums to 1 and not to k, so ℓ is the paper's divided by k.
 */
class NullExpertsTest {
  private static final int EXPERTS = 4;
  private static final double ALPHA = 0.3;

  private final Kernels kernels = new ReferenceKernels();

  @Test
  void onlyTheSumOfTheNullsLoadsCounts() {
    double[] f = {.25, .125, .0625, .0625, .5, 0, 0, 0};
    double[] other = {.25, .125, .0625, .0625, 0, .125, .25, .125};
    double[] averaged = {.25, .125, .0625, .0625, .125, .125, .125, .125};
    assertThat(Frequencies.averageNulls(f, EXPERTS, 4)).containsExactly(averaged);
    assertThat(Frequencies.averageNulls(other, EXPERTS, 4)).containsExactly(averaged);
    assertThat(Frequencies.averageNulls(averaged, EXPERTS, 4)).containsExactly(averaged);
  }

  @Test
  void everyRunIsAveragedByItself() {
    double[] runs = {.5, 0, .25, .25, 0, .5, .5, 0};
    assertThat(Frequencies.averageNulls(runs, 2, 2))
        .containsExactly(.5, 0, .25, .25, 0, .5, .25, .25);
  }

  /** Tokens whose logits are rotations of one another choose every column equally often. */
  @ParameterizedTest
  @CsvSource({"5, 4, 1.7777777777777777", "7, 4, 1.4545454545454546", "9, 4, 1.2307692307692308"})
  void uniformRoutingHasTheLoadThatTheSizesSay(int nulls, int topK, double load) {
    int columns = EXPERTS + nulls;
    double[] z = new double[columns * columns];
    for (int t = 0; t < columns; t++) {
      for (int e = 0; e < columns; e++) {
        z[t * columns + e] = Math.sin(1 + (t + e) % columns);
      }
    }
    Router router = new Router(z, nulls, topK);
    assertThat(router.frequency()).containsOnly(1.0 / columns);
    long[] tokens = new long[topK + 1];
    router.routing.addTokensByExperts(tokens);
    double experts = 0;
    for (int a = 0; a <= topK; a++) {
      experts += (double) a * tokens[a] / columns;
    }
    assertThat(experts).isCloseTo(load, within(1e-12));
    assertThat(experts).isCloseTo((double) router.routing.rows() / columns, within(1e-12));
    assertThat(router.loss(router.averaged())).isCloseTo(ALPHA, within(1e-12));
    assertThat(router.gradient(router.averaged()))
        .as("a balanced router is left alone")
        .containsExactly(new double[columns * columns], within(1e-12));
  }

  /** α (n + m) / |B| · p_i (f̃_i - Σ_j f̃_j p_j), f̃ constant; equal for nulls of equal p. */
  @ParameterizedTest
  @CsvSource({"3, 2", "5, 4", "1, 5"})
  void theGradientIsTheClosedFormAndTheCentralDifference(int nulls, int topK) {
    int tokens = 6;
    int columns = EXPERTS + nulls;
    Random random = new Random(4);
    double[] z = random.doubles((long) tokens * columns, -2, 2).toArray();
    if (nulls > 1) {
      z[columns - 1] = z[columns - 2]; // two nulls of token 0
    }
    Router router = new Router(z, nulls, topK);
    double[] f = router.averaged();
    double[] gradient = router.gradient(f);
    double[] p = router.probabilities();
    for (int t = 0; t < tokens; t++) {
      double mean = 0;
      for (int e = 0; e < columns; e++) {
        mean += f[e] * p[t * columns + e];
      }
      for (int e = 0; e < columns; e++) {
        int i = t * columns + e;
        double closed = ALPHA * columns / tokens * p[i] * (f[e] - mean);
        assertThat(gradient[i]).isCloseTo(closed, within(1e-12));
        double h = 1e-5;
        double[] up = z.clone();
        double[] down = z.clone();
        up[i] += h;
        down[i] -= h;
        double difference =
            (new Router(up, nulls, topK).loss(f) - new Router(down, nulls, topK).loss(f)) / (2 * h);
        // h² f'''/6 + ε |f|/h, both about 1e-11
        assertThat(gradient[i]).isCloseTo(difference, within(1e-9));
      }
    }
    if (nulls > 1) {
      assertThat(gradient[columns - 1]).isCloseTo(gradient[columns - 2], within(1e-15));
    }
  }

  /** A router over given logits [T, n + m]. */
  private final class Router {
    private final Routing routing;
    private final int columns;
    private final int tokens;
    private final Tensor logits;
    private final Tensor probabilities;
    private final Tensor gates;

    Router(double[] z, int nulls, int topK) {
      columns = EXPERTS + nulls;
      tokens = z.length / columns;
      routing = new Routing(tokens, EXPERTS, nulls, topK, ExpertCapacity.UNLIMITED);
      logits = tensor(tokens, columns);
      probabilities = tensor(tokens, columns);
      gates = tensor(tokens, topK);
      kernels.upload(logits, z, 0);
      kernels.route(probabilities, gates, routing, logits, new double[columns], true);
    }

    double[] frequency() {
      long[] counts = new long[columns];
      routing.addCounts(counts);
      assertThat(Arrays.stream(counts).sum()).isEqualTo(routing.slots());
      return Frequencies.of(counts);
    }

    double[] averaged() {
      return Frequencies.averageNulls(frequency(), EXPERTS, columns - EXPERTS);
    }

    double loss(double[] frequency) {
      return signal(frequency).loss();
    }

    private BalanceStrategy.Signal signal(double[] frequency) {
      double[] mean = Arrays.stream(routing.probabilitySum).map(sum -> sum / tokens).toArray();
      return new AuxiliaryLoss(ALPHA).signal(frequency, mean);
    }

    double[] gradient(double[] frequency) {
      Tensor dLogits = tensor(tokens, columns);
      kernels.routeBackward(
          dLogits,
          tensor(tokens, routing.topK()),
          probabilities,
          gates,
          routing,
          logits,
          true,
          signal(frequency).gradient(),
          0);
      return read(dLogits);
    }

    double[] probabilities() {
      return read(probabilities);
    }

    private double[] read(Tensor tensor) {
      double[] values = new double[tensor.size()];
      kernels.download(values, 0, tensor);
      return values;
    }

    private Tensor tensor(int rows, int width) {
      return new Tensor(kernels.allocate(rows * width), 0, rows, width);
    }
  }
}
