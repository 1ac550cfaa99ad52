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
      Kernels kernels, TransformerLm model, TrainConfig config, FrequencySync frequencySync) {
    this.kernels = kernels;
    this.model = model;
    this.config = config;
    this.frequencySync = frequencySync;
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
    double[][] balanceGradients = balance(frequencies, batch.tokens());
    model.backward(batch, balanceGradients, config.balance().zLoss() / layerDivisor());
    double norm = optimizer.step(kernels, model.parameters(), schedule.at(step), stepsOfMoments);
    record(batch, loss, norm, batchCounts);
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

  private double[][] balance(double[][] frequencies, int batchTokens) {
    double[][] gradients = new double[frequencies.length][];
    for (int l = 0; l < frequencies.length; l++) {
      double[] meanProbability = model.routing(l).probabilitySum.clone();
      for (int e = 0; e < meanProbability.length; e++) {
        meanProbability[e] /= batchTokens;
      }
      BalanceStrategy.Signal signal = strategy.signal(frequencies[l], meanProbability);
      balanceLoss += Frequencies.balance(frequencies[l], meanProbability) / frequencies.length;
      gradients[l] = signal.gradient();
    }
    return gradients;
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

  private void record(Batch batch, double loss, double norm, long[][] batchCounts) {
    steps++;
    tokens += batch.tokens();
    lossSum += loss * batch.tokens();
    gradientNorm += norm;
    finite &= Double.isFinite(loss) && Double.isFinite(norm);
    recent.add(batchCounts);
    int layers = batchCounts.length;
    for (int l = 0; l < layers; l++) {
      Routing routing = model.routing(l);
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
