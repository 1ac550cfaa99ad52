package org.metier.train;

import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.TransformerLm;
import org.metier.model.balance.AuxiliaryLoss;
import org.metier.model.balance.BalanceStrategy;
import org.metier.model.balance.Frequencies;
import org.metier.model.optim.AdamW;
import org.metier.model.optim.WarmupCosine;

/** One worker's optimiser steps within a round, and the statistics that it reports afterwards. */
final class LocalTrainer {
  private final Kernels kernels;
  private final TransformerLm model;
  private final TrainConfig config;
  private final FrequencySync frequencySync;
  private final LocalCorrection correction;
  private final BalanceStrategy strategy;
  private final AdamW optimizer;
  private final WarmupCosine schedule;
  private final FrequencySync.RecentCounts recent;
  private final long[][] counts;
  private final double[][] gateMass;
  private long tokens;
  private int steps;
  private double lossSum;
  private double balanceLoss;
  private double zLoss;
  private double gradientNorm;
  private double maxViolation;
  private boolean finite = true;

  LocalTrainer(
      Kernels kernels,
      TransformerLm model,
      TrainConfig config,
      FrequencySync frequencySync,
      LocalCorrection correction) {
    this.kernels = kernels;
    this.model = model;
    this.config = config;
    this.frequencySync = frequencySync;
    this.correction = correction;
    ModelConfig m = model.config();
    this.strategy = new AuxiliaryLoss(config.balance().coefficient() / layerDivisor(m));
    TrainConfig.Optimizer o = config.optimizer();
    this.optimizer = new AdamW(o.beta1(), o.beta2(), o.epsilon(), o.weightDecay(), o.clipNorm());
    this.schedule = config.schedule();
    this.recent = new FrequencySync.RecentCounts(config.balance().recentBatches());
    this.counts = new long[m.numLayers()][m.numExperts()];
    this.gateMass = new double[m.numLayers()][m.numExperts()];
  }

  /**
   * One optimiser step on one micro-batch.
   *
   * @param step optimiser steps of the run before this one; decides the learning rate
   * @param stepsOfMoments updates that the moments will have seen, this one included
   */
  void step(Batch batch, long step, long stepsOfMoments) {
    model.clearGradients();
    double loss = model.forward(batch);
    long[][] batchCounts = batchCounts();
    double[][] frequencies = frequencySync.frequencies(batchCounts);
    record(batch, loss, batchCounts, frequencies);
    backward(batch, frequencies);
    correction.correct(
        () -> {
          model.clearGradients();
          model.forward(batch);
          backward(batch, frequencies);
        });
    double norm = optimizer.step(kernels, model.parameters(), schedule.at(step), stepsOfMoments);
    gradientNorm += norm;
    finite &= Double.isFinite(loss) && Double.isFinite(norm);
  }

  /** What happened since this trainer was made. */
  WorkerReport report(long round, int worker, double computeSeconds) {
    return new WorkerReport(
        round,
        worker,
        tokens,
        lossSum,
        balanceLoss / steps,
        zLoss / steps,
        gradientNorm / steps,
        maxViolation / steps,
        counts,
        recent.toArray(),
        gateMass,
        finite,
        computeSeconds);
  }

  /** Backward pass of the last forward pass, with the balance loss's gradient under f. */
  private void backward(Batch batch, double[][] frequencies) {
    double[][] balanceGradients = new double[frequencies.length][];
    for (int l = 0; l < frequencies.length; l++) {
      balanceGradients[l] =
          strategy.signal(frequencies[l], meanProbability(l, batch.tokens())).gradient();
    }
    model.backward(batch, balanceGradients, config.balance().zLoss() / layerDivisor());
  }

  private double[] meanProbability(int layer, int batchTokens) {
    double[] mean = model.routing(layer).probabilitySum.clone();
    for (int e = 0; e < mean.length; e++) {
      mean[e] /= batchTokens;
    }
    return mean;
  }

  private long[][] batchCounts() {
    ModelConfig m = model.config();
    long[][] batchCounts = new long[m.numLayers()][m.numExperts()];
    for (int l = 0; l < m.numLayers(); l++) {
      Routing routing = model.routing(l);
      for (int e = 0; e < m.numExperts(); e++) {
        batchCounts[l][e] = routing.count(e);
      }
    }
    return batchCounts;
  }

  private void record(Batch batch, double loss, long[][] batchCounts, double[][] frequencies) {
    steps++;
    tokens += batch.tokens();
    lossSum += loss * batch.tokens();
    recent.add(batchCounts);
    int layers = batchCounts.length;
    for (int l = 0; l < layers; l++) {
      Routing routing = model.routing(l);
      balanceLoss +=
          Frequencies.balance(frequencies[l], meanProbability(l, batch.tokens())) / layers;
      zLoss += routing.squaredLogSumExp / batch.tokens() / layers;
      maxViolation += Frequencies.maxViolation(batchCounts[l]) / layers;
      for (int e = 0; e < batchCounts[l].length; e++) {
        counts[l][e] += batchCounts[l][e];
        gateMass[l][e] += routing.gateMass[e];
      }
    }
  }

  private double layerDivisor() {
    return layerDivisor(model.config());
  }

  private double layerDivisor(ModelConfig m) {
    return config.balance().layers() == TrainConfig.LayerReduction.MEAN ? m.numLayers() : 1;
  }
}
