package org.metier.train;

import java.io.Serializable;
import java.util.Arrays;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.kernel.RouterScoring.Activation;
import org.metier.engine.kernel.RouterScoring.BiasOn;
import org.metier.engine.tensor.Tensor;
import org.metier.model.ModelConfig;
import org.metier.model.TransformerLm;
import org.metier.model.balance.BalanceStrategy;
import org.metier.model.balance.DualStep;
import org.metier.model.balance.RouterTokens;

/**
 * The balancing method of one worker in one round, beside the frequencies: the strategy itself, the
 * noise on the routers' inputs, what a strategy says of single tokens, and the selection bias that
 * some strategies keep.
 */
final class Balancing {
  private final Kernels kernels;
  private final TransformerLm model;
  private final TrainConfig config;
  private final BalanceStrategy strategy;
  private final boolean movesBias;
  private final int worker;
  private final double[][] bias;
  private final double[][] before;
  private final double[][] gradients;
  private double[] logits = new double[0];
  private double[] probabilities = new double[0];
  private double lossSum;
  private int steps;

  /**
   * What a round leaves behind.
   *
   * @param loss mean over the steps of the strategy's loss as it enters the step's, all layers
   *     together
   * @param bias [L][E] selection bias after the last step; no rows if the strategy keeps none
   * @param dual the last step's update on the scores of its last micro-batch, sums over the layers
   */
  record Report(double loss, double[][] bias, DualStep dual) implements Serializable {
    /** Of a strategy that keeps no bias. */
    static Report of(double loss) {
      return new Report(loss, new double[0][], DualStep.none());
    }
  }

  /**
   * Gives the model its bias.
   *
   * @param round rounds before this one
   * @param worker number of this worker; decides its noise
   * @param bias [L][E] to start from; no rows before the first round
   */
  Balancing(
      Kernels kernels,
      TransformerLm model,
      TrainConfig config,
      long round,
      int worker,
      double[][] bias) {
    ModelConfig m = model.config();
    this.kernels = kernels;
    this.model = model;
    this.config = config;
    this.worker = worker;
    this.strategy = StrategyConfig.strategy(config, m, round);
    this.movesBias = config.balance().lossFree().update() == StrategyConfig.Update.STEP;
    this.bias = copy(bias, m);
    this.before = copy(this.bias, m);
    this.gradients = new double[m.numLayers()][0];
    model.selectionBias(this.bias);
  }

  private static double[][] copy(double[][] bias, ModelConfig m) {
    double[][] copy = new double[m.numLayers()][m.routerColumns()];
    for (int l = 0; l < bias.length; l++) {
      System.arraycopy(bias[l], 0, copy[l], 0, copy[l].length);
    }
    return copy;
  }

  BalanceStrategy strategy() {
    return strategy;
  }

  /** Decides the noise of the next passes: that of one micro-batch of one step. */
  void beginBatch(long step, int microBatch) {
    if (config.balance().jitter() > 0) {
      long seed = config.seed();
      for (long part : new long[] {step, worker, microBatch}) {
        seed = (seed ^ part) * 0x9E3779B97F4A7C15L + 1;
      }
      model.routerJitter(config.balance().jitter(), seed);
    }
  }

  /**
   * What the strategy says of single tokens.
   *
   * @param loss of them, all layers together
   * @param gradients [L][T·E] with respect to the logits, valid until the next; empty if it says
   *     nothing
   */
  record TokenTerm(double loss, double[][] gradients) {}

  /**
   * Of the last forward pass.
   *
   * @param weight of this micro-batch's loss
   */
  TokenTerm tokenTerm(double weight) {
    double loss = 0;
    for (int l = 0; l < gradients.length && strategy.readsTokens(); l++) {
      loss += weight * strategy.addTokenGradients(tokens(l));
      for (int i = 0; i < gradients[l].length && weight != 1; i++) {
        gradients[l][i] *= weight;
      }
    }
    return new TokenTerm(loss, gradients);
  }

  private RouterTokens tokens(int layer) {
    ModelConfig m = model.config();
    int size = model.logits(layer).size();
    if (gradients[layer].length == size) {
      Arrays.fill(gradients[layer], 0);
    } else {
      gradients[layer] = new double[size];
    }
    logits = download(logits, model.logits(layer));
    probabilities = download(probabilities, model.probabilities(layer));
    return new RouterTokens(
        model.routing(layer).tokens(),
        m.routerColumns(),
        m.topK(),
        m.router().activation() == Activation.SIGMOID,
        logits,
        probabilities,
        gradients[layer]);
  }

  private double[] download(double[] memory, Tensor source) {
    double[] target = memory.length < source.size() ? new double[source.size()] : memory;
    kernels.download(target, 0, source);
    return target;
  }

  /** Adds to the loss of the step. */
  void addLoss(double loss) {
    lossSum += loss;
  }

  /**
   * The optimiser has made its step.
   *
   * @param frequency [L][E] of the step
   * @param step optimiser steps of the run before this one
   */
  void endStep(double[][] frequency, long step) {
    steps++;
    if (!strategy.biasesSelection() || !movesBias) {
      return;
    }
    for (int l = 0; l < bias.length; l++) {
      System.arraycopy(bias[l], 0, before[l], 0, before[l].length);
      strategy.updateBias(bias[l], frequency[l], step + 1);
    }
    model.selectionBias(bias);
  }

  /** Of all steps so far; looks at the scores that the model still holds. */
  Report report() {
    double loss = lossSum / steps;
    if (!strategy.biasesSelection()) {
      return Report.of(loss);
    }
    DualStep dual = DualStep.none();
    for (int l = 0; l < bias.length && model.routing(l).tokens() > 0; l++) {
      int tokens = model.routing(l).tokens();
      double[] scores = scores(l);
      dual = dual.plus(DualStep.of(scores, tokens, model.config().topK(), before[l], bias[l]));
    }
    return new Report(loss, copy(bias, model.config()), dual);
  }

  /** [T·E] or longer: what the bias is added to. */
  private double[] scores(int layer) {
    RouterScoring router = model.config().router();
    if (router.biasOn() == BiasOn.ACTIVATION && router.activation() == Activation.SOFTMAX) {
      return probabilities = download(probabilities, model.probabilities(layer));
    }
    logits = download(logits, model.logits(layer));
    for (int i = 0; i < logits.length && router.biasOn() == BiasOn.ACTIVATION; i++) {
      logits[i] = 1 / (1 + Math.exp(-logits[i]));
    }
    return logits;
  }
}
