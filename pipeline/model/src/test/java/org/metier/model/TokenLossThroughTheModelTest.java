package org.metier.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.kernel.RouterScoring.Activation;
import org.metier.engine.kernel.RouterScoring.BiasOn;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.model.balance.BalanceStrategy;
import org.metier.model.balance.CombinedStrategies;
import org.metier.model.balance.LatencyLoss;
import org.metier.model.balance.MutualInformationLoss;
import org.metier.model.balance.MutualInformationLoss.Marginal;
import org.metier.model.balance.RouterTokens;

/**
 * Losses over single tokens, a biased choice and noise on the routers' inputs, through the whole
 * model in double.
 */
class TokenLossThroughTheModelTest {
  private static final double[] FREQUENCY = {.4, .3, .2, .1, 0};
  private final Kernels kernels = new ReferenceKernels();
  private final BalanceStrategy strategy =
      new CombinedStrategies(
          List.of(
              new MutualInformationLoss(0.5, Marginal.BATCH),
              new LatencyLoss(0.05, List.of(1.0, 2.0, 3.0, 1.0, 2.0), 0.5)));

  /** Central differences with h = 1e-5 err by 1e-9 here (see TransformerLmTest). */
  @ParameterizedTest
  @CsvSource({
    "SOFTMAX, LOGIT, 0, KEEP",
    "SOFTMAX, ACTIVATION, 0.2, RECOMPUTE",
    "SIGMOID, ACTIVATION, 0.2, KEEP",
    "SIGMOID, LOGIT, 0, KEEP"
  })
  void gradientOfEveryParameterIsTheCentralDifference(
      Activation activation, BiasOn biasOn, double jitter, ActivationPolicy policy) {
    ModelConfig config = TinyModel.config().withRouter(new RouterScoring(activation, biasOn));
    Batch batch = TinyModel.batch(config, 5);
    TransformerLm model = TransformerLm.forTraining(kernels, config, 2, policy);
    TinyModel.initialize(model, kernels, 3);
    model.selectionBias(new double[][] {{0, .1, .2, .3, .4}, {.4, 0, 0, 0, 0}});
    model.routerJitter(jitter, 9);
    model.clearGradients();
    model.forward(batch);
    int[] choice = choices(model, batch);
    double[][] means = new double[config.numLayers()][];
    double[][] tokens = new double[config.numLayers()][];
    for (int l = 0; l < means.length; l++) {
      means[l] = strategy.signal(FREQUENCY, meanProbability(model, l, batch)).gradient();
      RouterTokens view = view(model, l);
      strategy.addTokenGradients(view);
      tokens[l] = view.gradient();
    }
    model.backward(batch, means, 0.1, tokens);
    double[] gradient = TinyModel.download(kernels, model.parameters(), Role.GRADIENT);
    double[] values = TinyModel.download(kernels, model.parameters(), Role.VALUE);

    double h = 1e-5;
    int moved = 0;
    for (int i = 0; i < values.length; i++) {
      double up = lossAt(model, batch, values, i, h);
      boolean frozen = Arrays.equals(choice, choices(model, batch));
      double down = lossAt(model, batch, values, i, -h);
      frozen &= Arrays.equals(choice, choices(model, batch));
      if (frozen) { // else a token sat within h of another choice: no derivative there
        assertThat(gradient[i])
            .as("gradient of parameter %d", i)
            .isCloseTo((up - down) / (2 * h), within(1e-6));
        moved += Math.abs(gradient[i]) > 1e-6 ? 1 : 0;
      }
    }
    assertThat(moved).as("parameters with a gradient").isGreaterThan(values.length / 2);
  }

  private double lossAt(TransformerLm model, Batch batch, double[] values, int i, double delta) {
    double[] one = {values[i] + delta};
    kernels.upload(model.parameters().block(Role.VALUE, i, 1), one, 0);
    double loss = model.forward(batch);
    for (int l = 0; l < model.config().numLayers(); l++) {
      loss += strategy.signal(FREQUENCY, meanProbability(model, l, batch)).loss();
      loss += strategy.addTokenGradients(view(model, l));
      loss += 0.1 * model.routing(l).squaredLogSumExp / batch.tokens();
    }
    one[0] = values[i];
    kernels.upload(model.parameters().block(Role.VALUE, i, 1), one, 0);
    return loss;
  }

  private double[] meanProbability(TransformerLm model, int layer, Batch batch) {
    return Arrays.stream(model.routing(layer).probabilitySum)
        .map(sum -> sum / batch.tokens())
        .toArray();
  }

  private RouterTokens view(TransformerLm model, int layer) {
    ModelConfig c = model.config();
    double[] logits = new double[model.logits(layer).size()];
    double[] probabilities = new double[logits.length];
    kernels.download(logits, 0, model.logits(layer));
    kernels.download(probabilities, 0, model.probabilities(layer));
    return new RouterTokens(
        model.routing(layer).tokens(),
        c.numExperts(),
        c.topK(),
        c.router().activation() == Activation.SIGMOID,
        logits,
        probabilities,
        new double[logits.length]);
  }

  private static int[] choices(TransformerLm model, Batch batch) {
    int slots = batch.tokens() * model.config().topK();
    int[] all = new int[model.config().numLayers() * slots];
    for (int l = 0; l < model.config().numLayers(); l++) {
      System.arraycopy(model.routing(l).expertOfSlot, 0, all, l * slots, slots);
    }
    return all;
  }

  /** With the selection held, a bias changes neither a loss nor a gradient. */
  @Test
  void aConstantBiasChangesNothing() {
    double[] without = gradient(0);
    assertThat(gradient(0.3)).isEqualTo(without);
  }

  private double[] gradient(double bias) {
    ModelConfig config =
        TinyModel.config().withRouter(new RouterScoring(Activation.SIGMOID, BiasOn.ACTIVATION));
    Batch batch = TinyModel.batch(config, 5);
    TransformerLm model = TransformerLm.forTraining(kernels, config, 2);
    TinyModel.initialize(model, kernels, 3);
    double[][] all = new double[config.numLayers()][config.numExperts()];
    for (double[] layer : all) {
      Arrays.fill(layer, bias);
    }
    model.selectionBias(all);
    model.clearGradients();
    model.forward(batch);
    model.backward(batch, TinyModel.balanceGradients(config, 1), 0.1);
    return TinyModel.download(kernels, model.parameters(), Role.GRADIENT);
  }

  /** Changing the last token leaves the routing of all earlier ones as it was. */
  @Test
  void laterTokensDoNotChangeEarlierChoices() {
    ModelConfig config = TinyModel.config();
    Batch batch = TinyModel.batch(config, 5);
    TransformerLm model = TransformerLm.forTraining(kernels, config, 2);
    TinyModel.initialize(model, kernels, 3);
    model.selectionBias(new double[][] {{0, .1, .2, .3, .4}, {.4, 0, 0, 0, 0}});
    model.forward(batch);
    int slots = (config.sequenceLength() - 1) * config.topK();
    int[] before = Arrays.copyOf(model.routing(1).expertOfSlot, slots);
    int last = config.sequenceLength() - 1;
    batch.inputs()[last] = (batch.inputs()[last] + 1) % config.vocabSize();
    model.forward(batch);
    assertThat(model.routing(1).expertOfSlot).startsWith(before);
  }

  @Test
  void jitterIsOfTrainingAloneAndOfItsSeed() {
    ModelConfig config = TinyModel.config();
    Batch batch = TinyModel.batch(config, 5);
    TransformerLm model = TransformerLm.forTraining(kernels, config, 2);
    TinyModel.initialize(model, kernels, 3);
    double plain = model.evaluate(batch) / batch.countedTargets();
    model.routerJitter(0.3, 1);
    double first = model.forward(batch);
    assertThat(first).isNotCloseTo(plain, within(1e-9));
    assertThat(model.evaluate(batch) / batch.countedTargets()).isEqualTo(plain);
    assertThat(model.forward(batch)).isEqualTo(first);
    model.route(batch);
    int[] routed = choices(model, batch);
    model.forward(batch);
    assertThat(choices(model, batch)).isEqualTo(routed);
    model.routerJitter(0.3, 2);
    assertThat(model.forward(batch)).isNotEqualTo(first);
    model.routerJitter(0, 2);
    assertThat(model.forward(batch)).isCloseTo(plain, within(1e-12));
  }
}
