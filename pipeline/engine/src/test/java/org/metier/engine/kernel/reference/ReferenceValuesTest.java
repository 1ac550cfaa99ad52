package org.metier.engine.kernel.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.kernel.RouterScoring.Activation;
import org.metier.engine.kernel.RouterScoring.BiasOn;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/**
 * Forward passes of the reference against numbers and laws that do not come from its own code;
 * finite differences only prove that backward fits forward.
 */
class ReferenceValuesTest {
  /** Some ten roundings of numbers of order 1. */
  private static final Offset<Double> ROUNDING = within(1e-14);

  private static final double SIGMOID_OF_ONE = 0.731058578630004879;

  private final Kernels k = new ReferenceKernels();
  private final GradientCheck make = new GradientCheck(k, 5);

  @Test
  void linearAppliesTheTransposedWeight() {
    Tensor x = make.tensor(new double[] {1, 2}, 1, 2);
    Tensor w = make.tensor(new double[] {3, 4, 5, 6, 7, 8}, 3, 2);
    Tensor out = make.tensor(new double[] {100, 100, 100}, 1, 3);
    k.linear(out, x, w, true);
    assertThat(make.read(out)).containsExactly(111, 117, 123);
    k.linear(out, x, w, false);
    assertThat(make.read(out)).containsExactly(11, 17, 23);
  }

  @Test
  void rmsNormOfThreeAndFour() {
    // mean(9, 16) = 12.5; with ε = 3.5 the root is 4.
    Tensor out = make.empty(1, 2);
    Tensor inverseRms = make.empty(1);
    Tensor x = make.tensor(new double[] {3, 4}, 1, 2);
    k.rmsNorm(out, inverseRms, x, make.tensor(new double[] {1, 2}, 2), 3.5);
    assertThat(make.read(inverseRms)).containsExactly(0.25);
    assertThat(make.read(out)).containsExactly(0.75, 2);
  }

  @Test
  void swiGluGatesWithTheFirstHalf() {
    Tensor out = make.empty(1, 2);
    SwiGlu.forward(View.of(out), View.of(make.tensor(new double[] {1, 0, 3, 5}, 1, 4)));
    assertThat(make.read(out)[0]).isCloseTo(3 * SIGMOID_OF_ONE, ROUNDING);
    assertThat(make.read(out)[1]).isZero();
  }

  /**
   * A token [1, 2] and two experts of inner width 1. Expert 1, its first choice, has g = 0 and
   * returns nothing; expert 0 has g = 1 and u = 3 and returns 3 σ(1) · [2, -1].
   */
  @Test
  void expertsByHand() {
    Routing routing = new Routing(1, 2, 2);
    routing.expertOfSlot[0] = 1;
    routing.expertOfSlot[1] = 0;
    routing.sortByExpert(1);
    Tensor out = make.empty(1, 2);
    Tensor gateUp = make.empty(2, 2);
    Tensor work = make.empty(2, 2);
    Tensor x = make.tensor(new double[] {1, 2}, 1, 2);
    Tensor gates = make.tensor(new double[] {0.75, 0.25}, 1, 2);
    Tensor in = make.tensor(new double[] {1, 0, 0, 1.5, /* expert 1 */ 2, -1, 7, 0}, 2, 2, 2);
    Tensor down = make.tensor(new double[] {2, -1, /* expert 1 */ 100, 100}, 2, 2, 1);
    Tensor residual = make.tensor(new double[] {10, 20}, 1, 2);
    k.experts(out, gateUp, work, residual, x, gates, in, down, routing);
    double hidden = 3 * SIGMOID_OF_ONE;
    assertThat(make.read(gateUp)).containsExactly(1, 3, 0, 7);
    assertThat(make.read(out))
        .containsExactly(new double[] {10 + 0.5 * hidden, 20 - 0.25 * hidden}, ROUNDING);

    // Expert 1: silu'(0) = 1/2, so dg = 0.75 · (100 + 200) · 7 / 2 and du = 0.
    Tensor dX = make.empty(1, 2);
    Tensor dGates = make.empty(1, 2);
    Tensor dIn = make.empty(2, 2, 2);
    Tensor dDown = make.empty(2, 2, 1);
    Tensor dOut = make.tensor(new double[] {1, 2}, 1, 2);
    k.expertsBackward(dX, dGates, dIn, dDown, work, dOut, gateUp, x, gates, in, down, routing);
    double dg = 0.75 * 300 * 7 / 2;
    // Expert 0 gets no gradient through its down weights, since ⟨[2, -1], [1, 2]⟩ = 0.
    assertThat(make.read(dGates)).containsExactly(0, 0);
    assertThat(make.read(dX)).containsExactly(new double[] {2 * dg, -dg}, within(1e-12));
    assertThat(make.read(dIn))
        .containsExactly(new double[] {0, 0, 0, 0, dg, 2 * dg, 0, 0}, within(1e-12));
    assertThat(make.read(dDown))
        .containsExactly(new double[] {0.25 * hidden, 0.5 * hidden, 0, 0}, ROUNDING);
  }

  /** Position 1 of a head of width 4 with θ = 16 turns its pairs by 1 and by 16^(-1/2) = 1/4. */
  @Test
  void rotationTurnsHalfSplitPairs() {
    AttentionShape shape = new AttentionShape(1, 2, 1, 1, 4);
    double[] row = {1, 0, 0, 1, /* key */ 0, 1, 1, 0, /* value */ 5, 6, 7, 8};
    double[] rows = new double[24];
    System.arraycopy(row, 0, rows, 0, 12);
    System.arraycopy(row, 0, rows, 12, 12);
    Tensor out = make.empty(2, 12);
    Tensor unit = make.tensor(new double[] {1, 1, 1, 1}, 4);
    // mean square 1/2, ε = 1/2: the norm leaves everything as it is.
    k.headNormRotary(out, make.empty(2, 2), make.tensor(rows, 2, 12), unit, unit, shape, 16, 0.5);
    double[] values = make.read(out);
    assertThat(Arrays.copyOf(values, 12)).containsExactly(row);
    double[] expected = {
      Math.cos(1),
      -Math.sin(0.25),
      Math.sin(1),
      Math.cos(0.25),
      -Math.sin(1),
      Math.cos(0.25),
      Math.cos(1),
      Math.sin(0.25),
      5,
      6,
      7,
      8
    };
    for (int i = 0; i < 12; i++) {
      assertThat(values[12 + i]).isCloseTo(expected[i], ROUNDING);
    }
  }

  /** What rotary embedding is for: scores depend on the distance of positions alone. */
  @Test
  void rotatedScoresDependOnDistanceAlone() {
    AttentionShape shape = new AttentionShape(1, 9, 1, 1, 6);
    double[] one = make.read(make.normals(18));
    double[] rows = new double[9 * 18];
    for (int t = 0; t < 9; t++) {
      System.arraycopy(one, 0, rows, t * 18, 18);
    }
    Tensor out = make.empty(9, 18);
    Tensor weight = make.normals(6);
    k.headNormRotary(
        out, make.empty(9, 2), make.tensor(rows, 9, 18), weight, weight, shape, 100, 1e-6);
    double[] rotated = make.read(out);
    for (int t = 3; t < 9; t++) {
      double score = 0;
      double first = 0;
      for (int i = 0; i < 6; i++) {
        score += rotated[t * 18 + i] * rotated[(t - 3) * 18 + 6 + i];
        first += rotated[3 * 18 + i] * rotated[6 + i];
      }
      assertThat(score).isCloseTo(first, within(1e-13));
    }
  }

  /**
   * Scores 0 and ln 3 weigh two values 1 : 3; the document boundary hides the rest. Two query heads
   * share the key and value.
   */
  @Test
  void attentionByHand() {
    AttentionShape shape = new AttentionShape(1, 3, 2, 1, 2);
    double l = Math.log(3) * Math.sqrt(2);
    double[] qkv = {
      9, 9, 9, 9, /* key */ 9, 9, /* value */ 1000, 1000,
      1, 0, 1, 0, /* key */ 0, 0, /* value */ 4, 8,
      1, 0, 0, 1, /* key */ l, 0, /* value */ 8, 0
    };
    Tensor out = make.empty(3, 4);
    Tensor logSumExp = make.empty(3, 2);
    int[] documentStart = {0, 1, 1};
    k.attention(out, logSumExp, make.tensor(qkv, 3, 8), documentStart, shape);
    double[] expected = {1000, 1000, 1000, 1000, 4, 8, 4, 8, 7, 2, 6, 4};
    double[] lse = make.read(logSumExp);
    for (int i = 0; i < 12; i++) {
      assertThat(make.read(out)[i]).isCloseTo(expected[i], within(1e-12));
    }
    assertThat(lse[2]).isZero();
    assertThat(lse[4]).isCloseTo(Math.log(4), ROUNDING);
    assertThat(lse[5]).isCloseTo(Math.log(2), ROUNDING);
  }

  /** Logits ln 1, ln 2, ln 5: probabilities 1/8, 2/8, 5/8; the bias lifts expert 0 over 1. */
  @Test
  void routeByHand() {
    Routing routing = new Routing(1, 3, 2);
    Tensor probabilities = make.empty(1, 3);
    Tensor gates = make.empty(1, 2);
    Tensor logits = make.tensor(new double[] {0, Math.log(2), Math.log(5)}, 1, 3);
    double[] bias = {1, 0, 0};
    k.route(probabilities, gates, routing, logits, bias, true);
    assertThat(make.read(probabilities)).containsExactly(new double[] {.125, .25, .625}, ROUNDING);
    assertThat(routing.expertOfSlot).containsExactly(2, 0);
    assertThat(make.read(gates)).containsExactly(new double[] {5. / 6, 1. / 6}, ROUNDING);
    assertThat(routing.probabilitySum).containsExactly(new double[] {.125, .25, .625}, ROUNDING);
    assertThat(routing.gateMass).containsExactly(new double[] {1. / 6, 0, 5. / 6}, ROUNDING);
    assertThat(routing.scoreSum).isCloseTo(0.75, ROUNDING);
    assertThat(routing.squaredLogSumExp).isCloseTo(Math.log(8) * Math.log(8), ROUNDING);
    assertThat(routing.slotOfRow).containsExactly(1, 0);

    k.route(probabilities, gates, routing, logits, bias, false);
    assertThat(make.read(gates)).containsExactly(new double[] {.625, .125}, ROUNDING);
    assertThat(routing.gateMass).containsExactly(new double[] {.125, 0, .625}, ROUNDING);
    assertThat(routing.scoreSum).isCloseTo(0.75, ROUNDING);
  }

  /**
   * Logits 0, ln 3, -ln 3: sigmoids 1/2, 3/4, 1/4, probabilities 1/3, 1/2, 1/6. A bias of 0.3 lifts
   * expert 2 over 0 by its score (0.55), as it would not by its logit.
   */
  @Test
  void routeWithSigmoidsByHand() {
    Routing routing =
        new Routing(1, 3, 2, new RouterScoring(Activation.SIGMOID, BiasOn.ACTIVATION));
    Tensor probabilities = make.empty(1, 3);
    Tensor gates = make.empty(1, 2);
    Tensor logits = make.tensor(new double[] {0, Math.log(3), -Math.log(3)}, 1, 3);
    double[] bias = {0, 0, 0.3};
    k.route(probabilities, gates, routing, logits, bias, true);
    double[] thirds = {1. / 3, .5, 1. / 6};
    assertThat(make.read(probabilities)).containsExactly(thirds, ROUNDING);
    assertThat(routing.expertOfSlot).containsExactly(1, 2);
    assertThat(make.read(gates)).containsExactly(new double[] {.75, .25}, ROUNDING);
    assertThat(routing.probabilitySum).containsExactly(thirds, ROUNDING);
    assertThat(routing.scoreSum).isCloseTo(2. / 3, ROUNDING);
    k.route(probabilities, gates, routing, logits, bias, false);
    assertThat(make.read(gates)).containsExactly(new double[] {.75, .25}, ROUNDING);
    k.route(probabilities, gates, routing, logits, new double[3], false);
    assertThat(routing.expertOfSlot).containsExactly(1, 0);
    assertThat(make.read(gates)).containsExactly(new double[] {.75, .5}, ROUNDING);

    Routing byLogit = new Routing(1, 3, 2, new RouterScoring(Activation.SIGMOID, BiasOn.LOGIT));
    k.route(probabilities, gates, byLogit, logits, bias, true);
    assertThat(byLogit.expertOfSlot).containsExactly(1, 0);
  }

  /** Uniform on [1 - ε, 1 + ε): mean 1, variance ε²/3, another seed another noise. */
  @Test
  void jitterIsUniformAndSeeded() {
    int n = 100_000;
    Tensor ones = make.empty(n);
    k.fill(ones, 1);
    Tensor out = make.empty(n);
    k.jitter(out, ones, 0.5, 3, false);
    double[] noise = make.read(out);
    double mean = 0;
    double square = 0;
    double neighbours = 0;
    for (int i = 0; i < n; i++) {
      assertThat(noise[i]).isBetween(0.5, 1.5);
      mean += noise[i] / n;
      square += (noise[i] - 1) * (noise[i] - 1) / n;
      neighbours += (noise[i] - 1) * (noise[(i + 1) % n] - 1) / n;
    }
    // standard errors: 0.289/√n = 9e-4; of the square 0.0745/√n = 2.4e-4; of the product 2.6e-4
    assertThat(mean).isCloseTo(1, within(4e-3));
    assertThat(square).isCloseTo(0.25 / 3, within(1e-3));
    assertThat(neighbours).isCloseTo(0, within(1e-3));
    k.jitter(out, ones, 0.5, 3, false);
    assertThat(make.read(out)).isEqualTo(noise);
    k.jitter(out, ones, 0.5, 4, false);
    assertThat(make.read(out)).isNotEqualTo(noise);
    k.jitter(out, ones, 0, 4, false);
    assertThat(make.read(out)).containsOnly(1);
  }

  @Test
  void crossEntropyByHand() {
    // Logits 0 and ln 3: losses ln 4 and ln 4 - ln 3.
    Tensor x = make.tensor(new double[] {1, 1, 1}, 3, 1);
    Tensor head = make.tensor(new double[] {0, Math.log(3)}, 2, 1);
    double[] losses = {7, 7, 7, 7};
    k.crossEntropy(losses, x, head, new int[] {0, 1, -1});
    assertThat(losses[0]).isCloseTo(Math.log(4), ROUNDING);
    assertThat(losses[1]).isCloseTo(Math.log(4) - Math.log(3), ROUNDING);
    assertThat(losses[2]).isZero();
    assertThat(losses[3]).isEqualTo(7);
  }

  /**
   * Three updates of one number, written out in the paper's own form with bias-corrected moments.
   */
  @Test
  void adamWFollowsTheScalarFormula() {
    double[] gradients = {0.5, -2, 0.25};
    double lr = 0.1;
    double decay = 0.01;
    double epsilon = 1e-3;
    double clip = 0.5;
    double w = 1.5;
    double m = 0;
    double v = 0;
    Tensor value = make.tensor(new double[] {w}, 1);
    Tensor firstMoment = make.empty(1);
    Tensor secondMoment = make.empty(1);
    for (int step = 1; step <= 3; step++) {
      double c1 = 1 - Math.pow(0.9, step);
      double c2 = 1 - Math.pow(0.99, step);
      k.adamW(
          value,
          make.tensor(new double[] {gradients[step - 1]}, 1),
          firstMoment,
          secondMoment,
          new AdamWStep(lr, 0.9, 0.99, epsilon, decay, c1, c2, clip));
      double g = gradients[step - 1] * clip;
      m += 0.1 * (g - m);
      v += 0.01 * (g * g - v);
      double corrected = (m / c1) / (Math.sqrt(v / c2) + epsilon);
      w = w * (1 - lr * decay) - lr * corrected;
      assertThat(make.read(value)[0]).isCloseTo(w, ROUNDING);
      assertThat(make.read(firstMoment)[0]).isCloseTo(m, ROUNDING);
      assertThat(make.read(secondMoment)[0]).isCloseTo(v, ROUNDING);
    }
  }

  @Test
  void aWrongShapeNamesOpAndArgument() {
    assertThatThrownBy(() -> k.linear(make.empty(2, 4), make.empty(2, 3), make.empty(5, 3), false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("linear output side: shape [2, 4], expected [2, 5]");
  }

  @Test
  void anIndexOutsideTheVocabularyIsNamed() {
    assertThatThrownBy(() -> k.embedding(make.empty(2, 3), make.empty(5, 3), new int[] {0, 5}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("embedding: token 1 is 5, outside a vocabulary of 5");
    assertThatThrownBy(
            () -> k.crossEntropy(new double[1], make.empty(1, 3), make.empty(5, 3), new int[] {5}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("crossEntropy: target 0 is 5, outside a vocabulary of 5");
  }

  @Test
  void aDocumentThatStartsLaterThanTheTokenIsNamed() {
    AttentionShape shape = new AttentionShape(2, 2, 1, 1, 2);
    assertThatThrownBy(
            () ->
                k.attention(
                    make.empty(4, 2),
                    make.empty(4, 1),
                    make.empty(4, 6),
                    new int[] {0, 1, 1, 1},
                    shape))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("attention: documentStart[2] is 1, must lie in [0, 0]");
  }

  @Test
  void overlapIsRefused() {
    Tensor all = make.normals(4, 3);
    assertThatThrownBy(() -> k.copy(all.rows(0, 3), all.rows(1, 3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("copy target: Tensor[3, 3]@0 overlaps Tensor[3, 3]@3");
    k.copy(all.rows(0, 2), all.rows(2, 2));
  }

  @Test
  void anotherBackendsTensorIsRefused() {
    assertThatThrownBy(() -> k.squaredNorm(new Tensor(() -> 4, 0, 4)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("another backend owns its storage");
  }
}
