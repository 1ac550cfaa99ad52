package org.metier.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.metier.engine.kernel.DropPolicy;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.engine.tensor.Tensor;

/** The whole model in double, against finite differences and against itself. */
class TransformerLmTest {
  private static final double Z = 0.3;
  private final Kernels kernels = new ReferenceKernels();
  private final ModelConfig config = TinyModel.config();
  private final Batch batch = TinyModel.batch(config, 5);

  /** The usual model, null experts, both drop policies, several widths, and all at once. */
  static Stream<ModelConfig> configs() {
    return Stream.of(
        TinyModel.config(),
        TinyModel.config(3, 4, 0, DropPolicy.PROBABILITY),
        TinyModel.config(2, 0, 0.9, DropPolicy.PROBABILITY),
        TinyModel.config(2, 0, 0.9, DropPolicy.POSITION),
        TinyModel.config(2, 0, 0, DropPolicy.PROBABILITY, 3, 8, 8, 1, 5),
        TinyModel.config(6, 2, 1, DropPolicy.PROBABILITY, 4, 4, 4, 9, 9));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void gradientOfEveryParameterIsTheCentralDifference(ModelConfig c) {
    TransformerLm model = model(c, ActivationPolicy.KEEP);
    double[][] balance = TinyModel.balanceGradients(c, 11);
    model.clearGradients();
    model.forward(batch);
    int[] choice = choices(model);
    assertThat(IntStream.of(choice).anyMatch(row -> row == Routing.NO_ROW))
        .as("choices that nobody computes")
        .isEqualTo(c.nullExperts() > 0 || c.capacity().limited());
    model.backward(batch, balance, Z);
    double[] gradient = TinyModel.download(kernels, model.parameters(), Role.GRADIENT);
    double[] values = TinyModel.download(kernels, model.parameters(), Role.VALUE);

    // Central differences of step h err by h²f'''/6 + ε|f|/h. The second is 1e-9 for h = 1e-6, |f|
    // ≈ 3. The
    // first was 3e-7 for h = 4e-6 where a token with a short embedding is dropped: norms are steep.
    double h = 1e-6;
    int moved = 0;
    for (int i = 0; i < values.length; i++) {
      double up = lossAt(model, values, i, h, balance);
      boolean frozen = Arrays.equals(choice, choices(model));
      double down = lossAt(model, values, i, -h, balance);
      frozen &= Arrays.equals(choice, choices(model));
      if (!frozen) {
        continue; // a token sat within h of choosing another expert: no derivative there
      }
      assertThat(gradient[i])
          .as("gradient of %s", nameOf(model, i))
          .isCloseTo((up - down) / (2 * h), within(2e-7));
      moved += Math.abs(gradient[i]) > 1e-6 ? 1 : 0;
    }
    assertThat(moved).as("parameters with a gradient").isGreaterThan(values.length / 2);
  }

  @Test
  void gradientsOfTwoMicroBatchesAdd() {
    TransformerLm model = model();
    double[][] none = new double[config.numLayers()][config.numExperts()];
    double[] first = gradientOf(model, batch, none);
    Batch other = TinyModel.batch(config, 77);
    double[] second = gradientOf(model, other, none);
    model.clearGradients();
    for (Batch b : new Batch[] {batch, other}) {
      model.forward(b);
      model.backward(b, none, 0);
    }
    double[] both = TinyModel.download(kernels, model.parameters(), Role.GRADIENT);
    for (int i = 0; i < both.length; i++) {
      assertThat(both[i]).isCloseTo(first[i] + second[i], within(1e-12));
    }
  }

  @Test
  void attentionNeverCrossesADocumentBoundary() {
    TransformerLm model = model();
    model.evaluate(batch);
    double[] before = model.losses().clone();
    batch.inputs()[0] = (batch.inputs()[0] + 1) % config.vocabSize(); // in the first document
    model.evaluate(batch);
    assertThat(model.losses()[1]).isNotEqualTo(before[1]);
    for (int t = 3; t < config.sequenceLength(); t++) {
      assertThat(model.losses()[t]).as("loss at position %d", t).isEqualTo(before[t]);
    }
  }

  /**
   * Lengths 1 to 5: positions in the sequence differ, but rotary embedding sees differences only.
   */
  @Test
  void packedDocumentsAreTheDocumentsAlone() {
    int[] start = {0, 0, 0, 3, 4, 4, 4, 4, 4};
    int[] inputs = Arrays.copyOf(batch.inputs(), start.length);
    int[] targets = Arrays.copyOfRange(batch.inputs(), 1, start.length + 1);
    TransformerLm model = model();
    double[][] none = new double[config.numLayers()][config.numExperts()];
    double[] packed = gradientOf(model, new Batch(1, start.length, inputs, targets, start), none);
    double[] losses = model.losses().clone();

    double[] sum = new double[packed.length];
    for (int from = 0, to; from < start.length; from = to) {
      to = from + 1;
      while (to < start.length && start[to] == from) {
        to++;
      }
      Batch alone =
          new Batch(
              1,
              to - from,
              Arrays.copyOfRange(inputs, from, to),
              Arrays.copyOfRange(targets, from, to),
              new int[to - from]);
      double[] gradient = gradientOf(model, alone, none);
      for (int i = 0; i < sum.length; i++) {
        sum[i] += gradient[i] * alone.tokens() / start.length;
      }
      for (int t = from; t < to; t++) {
        assertThat(model.losses()[t - from]).isCloseTo(losses[t], within(1e-12));
      }
    }
    assertThat(sum).containsExactly(packed, within(1e-12));
  }

  @Test
  void evaluationAndTrainingForwardAgree() {
    TransformerLm model = model();
    double sum = model.evaluate(batch);
    double mean = model.forward(batch);
    assertThat(mean).isCloseTo(sum / batch.countedTargets(), within(1e-12));
  }

  @Test
  void aReplicaForEvaluationGivesTheSameLossAndRefusesGradients() {
    TransformerLm trained = model();
    TransformerLm evaluated = TransformerLm.forEvaluation(kernels, config, 2);
    TinyModel.initialize(evaluated, kernels, 3);
    assertThat(evaluated.evaluate(batch)).isEqualTo(trained.evaluate(batch));
    assertThatThrownBy(evaluated::clearGradients).isInstanceOf(IllegalStateException.class);
  }

  @ParameterizedTest
  @MethodSource("configs")
  void computingActivationsAgainTakesLessMemoryAndGivesTheSameBits(ModelConfig c) {
    TransformerLm keeps = model(c, ActivationPolicy.KEEP);
    TransformerLm recomputes = model(c, ActivationPolicy.RECOMPUTE);
    double[][] balance = TinyModel.balanceGradients(c, 2);
    assertThat(gradientOf(recomputes, batch, balance)).isEqualTo(gradientOf(keeps, batch, balance));
    assertThat(choices(recomputes)).isEqualTo(choices(keeps));
    for (int l = 0; l < c.numLayers(); l++) {
      assertThat(recomputes.routing(l).gateMass).isEqualTo(keeps.routing(l).gateMass);
    }
    assertThat(TransformerLm.activationSize(c, 2, ActivationPolicy.RECOMPUTE))
        .isLessThan(TransformerLm.activationSize(c, 2, ActivationPolicy.KEEP));
  }

  /** Widths that are all equal are no widths, and room for everyone is no capacity. */
  @Test
  void whatLimitsNothingChangesNoBit() {
    double[][] balance = TinyModel.balanceGradients(config, 2);
    double[] usual = gradientOf(model(), batch, balance);
    ModelConfig ample = TinyModel.config(2, 0, 1e6, DropPolicy.PROBABILITY, 7, 7, 7, 7, 7);
    assertThat(gradientOf(model(ample, ActivationPolicy.KEEP), batch, balance)).isEqualTo(usual);
  }

  /** One call per expert instead of one for all: the same sums, in another order. */
  @Test
  void expertsOfEqualWidthMayBeComputedApart() {
    double[][] balance = TinyModel.balanceGradients(config, 2);
    double[] usual = gradientOf(model(), batch, balance);
    ModelConfig apart = TinyModel.config(2, 0, 0, DropPolicy.PROBABILITY, 7, 7, 7, 7, 8);
    TransformerLm model = model(apart, ActivationPolicy.KEEP);
    TransformerLm whole = model();
    for (ParameterLayout.Slice slice : whole.parameters().layout().slices()) {
      double[] values = new double[slice.size()];
      kernels.download(values, 0, whole.parameters().slice(Role.VALUE, slice.name()));
      // What an expert has more in width is zero, and contributes nothing.
      Tensor target = model.parameters().slice(Role.VALUE, slice.name());
      kernels.fill(target, 0);
      boolean longerRows = target.size() > slice.size() && target.dim(1) > slice.shape()[1];
      int pieces = longerRows ? slice.shape()[0] : 1;
      int size = slice.size() / pieces;
      for (int i = 0; i < pieces; i++) {
        int offset = target.offset() + i * (longerRows ? target.dim(1) : size);
        kernels.upload(new Tensor(target.storage(), offset, size), values, i * size);
      }
    }
    gradientOf(model, batch, balance);
    for (ParameterLayout.Slice slice : whole.parameters().layout().slices()) {
      if (slice.name().contains(".experts.4.")) {
        continue;
      }
      double[] actual = new double[slice.size()];
      kernels.download(actual, 0, model.parameters().slice(Role.GRADIENT, slice.name()));
      double[] expected = Arrays.copyOfRange(usual, slice.offset(), slice.offset() + slice.size());
      assertThat(actual).as(slice.name()).containsExactly(expected, within(1e-12));
    }
  }

  @Test
  void aBatchThatIsTooLargeIsRefused() {
    TransformerLm small = TransformerLm.forEvaluation(kernels, config, 1);
    assertThatThrownBy(() -> small.evaluate(batch))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("18 tokens exceeds this replica's 9");
  }

  @Test
  void parameterCountsAddUp() {
    assertThat(Parameters.total(config))
        .isEqualTo(
            2 * 13 * 6 + 2 * (6 * 16 * 2 + 6 * 16 + 5 * 6 + 5 * 3 * 6 * 7 + 6 + 4 + 4 + 6) + 6);
    assertThat(Parameters.active(config))
        .isEqualTo(Parameters.total(config) - 2 * 3 * (3 * 6 * 7) - 13 * 6);
  }

  /** Nulls add a row to each router and take 5 · 3 / (5 + 4) experts of a token away. */
  @Test
  void nullsAndWidthsCountOnAverage() {
    ModelConfig nulls = TinyModel.config(3, 4, 0, DropPolicy.PROBABILITY);
    assertThat(Parameters.total(nulls)).isEqualTo(Parameters.total(config) + 2 * 4 * 6);
    assertThat(nulls.expertsPerToken()).isEqualTo(15 / 9.0);
    assertThat(Parameters.active(nulls))
        .isEqualTo(Parameters.total(nulls) - Math.round(2 * (5 - 15 / 9.0) * 3 * 6 * 7) - 13 * 6);
    ModelConfig widths = TinyModel.config(2, 0, 0, DropPolicy.PROBABILITY, 3, 8, 8, 1, 5);
    assertThat(Parameters.total(widths))
        .isEqualTo(Parameters.total(config) - 2 * 3 * 6 * (5 * 7 - 25));
    assertThat(Parameters.active(widths))
        .isEqualTo(Parameters.total(widths) - 2 * 3 * 6 * (25 - 10) - 13 * 6);
  }

  private TransformerLm model() {
    return model(config, ActivationPolicy.KEEP);
  }

  private TransformerLm model(ModelConfig c, ActivationPolicy policy) {
    TransformerLm model = TransformerLm.forTraining(kernels, c, 2, policy);
    TinyModel.initialize(model, kernels, 3);
    return model;
  }

  private double[] gradientOf(TransformerLm model, Batch b, double[][] balance) {
    model.clearGradients();
    model.forward(b);
    model.backward(b, balance, 0);
    return TinyModel.download(kernels, model.parameters(), Role.GRADIENT);
  }

  /** CE + Σ g_le P_le + Z Σ_l mean logsumexp², with parameter i moved by delta. */
  private double lossAt(
      TransformerLm model, double[] values, int i, double delta, double[][] balance) {
    double[] one = {values[i] + delta};
    kernels.upload(model.parameters().block(Role.VALUE, i, 1), one, 0);
    double loss = model.evaluate(batch) / batch.countedTargets();
    one[0] = values[i];
    kernels.upload(model.parameters().block(Role.VALUE, i, 1), one, 0);
    for (int l = 0; l < balance.length; l++) {
      Routing routing = model.routing(l);
      loss += Z * routing.squaredLogSumExp / batch.tokens();
      for (int e = 0; e < balance[l].length; e++) {
        loss += balance[l][e] * routing.probabilitySum[e] / batch.tokens();
      }
    }
    return loss;
  }

  /** Of every slot, the column that it chose and the row that it got. */
  private int[] choices(TransformerLm model) {
    int layers = model.config().numLayers();
    int slots = batch.tokens() * model.config().topK();
    int[] all = new int[2 * layers * slots];
    for (int l = 0; l < layers; l++) {
      System.arraycopy(model.routing(l).expertOfSlot, 0, all, 2 * l * slots, slots);
      System.arraycopy(model.routing(l).rowOfSlot, 0, all, (2 * l + 1) * slots, slots);
    }
    return all;
  }

  private static String nameOf(TransformerLm model, int index) {
    for (ParameterLayout.Slice slice : model.parameters().layout().slices()) {
      if (index >= slice.offset() && index < slice.offset() + slice.size()) {
        return slice.name() + "[" + (index - slice.offset()) + "]";
      }
    }
    throw new AssertionError(index);
  }
}
