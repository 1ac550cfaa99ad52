package org.metier.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;

/** The whole model in double, against finite differences and against itself. */
class TransformerLmTest {
  private static final double Z = 0.3;
  private final Kernels kernels = new ReferenceKernels();
  private final ModelConfig config = TinyModel.config();
  private final Batch batch = TinyModel.batch(config, 5);

  @Test
  void gradientOfEveryParameterIsTheCentralDifference() {
    TransformerLm model = model();
    double[][] balance = TinyModel.balanceGradients(config, 11);
    model.clearGradients();
    model.forward(batch);
    int[] choice = choices(model);
    model.backward(batch, balance, Z);
    double[] gradient = TinyModel.download(kernels, model.parameters(), Role.GRADIENT);
    double[] values = TinyModel.download(kernels, model.parameters(), Role.VALUE);

    // Central differences of step h err by h²f'''/6 + ε|f|/h: about 1e-9 for h = 1e-5, |f| ≈ 3.
    double h = 1e-5;
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

  @Test
  void computingActivationsAgainTakesLessMemoryAndGivesTheSameBits() {
    TransformerLm keeps = model();
    TransformerLm recomputes =
        TransformerLm.forTraining(kernels, config, 2, ActivationPolicy.RECOMPUTE);
    TinyModel.initialize(recomputes, kernels, 3);
    double[][] balance = TinyModel.balanceGradients(config, 2);
    assertThat(gradientOf(recomputes, batch, balance)).isEqualTo(gradientOf(keeps, batch, balance));
    assertThat(choices(recomputes)).isEqualTo(choices(keeps));
    for (int l = 0; l < config.numLayers(); l++) {
      assertThat(recomputes.routing(l).gateMass).isEqualTo(keeps.routing(l).gateMass);
    }
    assertThat(TransformerLm.activationSize(config, 2, ActivationPolicy.RECOMPUTE))
        .isLessThan(TransformerLm.activationSize(config, 2, ActivationPolicy.KEEP));
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

  private TransformerLm model() {
    TransformerLm model = TransformerLm.forTraining(kernels, config, 2);
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
    for (int l = 0; l < config.numLayers(); l++) {
      Routing routing = model.routing(l);
      loss += Z * routing.squaredLogSumExp / batch.tokens();
      for (int e = 0; e < config.numExperts(); e++) {
        loss += balance[l][e] * routing.probabilitySum[e] / batch.tokens();
      }
    }
    return loss;
  }

  private int[] choices(TransformerLm model) {
    int slots = batch.tokens() * config.topK();
    int[] all = new int[config.numLayers() * slots];
    for (int l = 0; l < config.numLayers(); l++) {
      System.arraycopy(model.routing(l).expertOfSlot, 0, all, l * slots, slots);
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
