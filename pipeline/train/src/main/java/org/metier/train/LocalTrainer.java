package org.metier.train;

import java.util.List;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.TransformerLm;
import org.metier.model.balance.AuxiliaryLoss;
import org.metier.model.balance.BalanceStrategy;
import org.metier.model.balance.Frequencies;
import org.metier.model.optim.AdamW;
import org.metier.model.optim.DecayRange;
import org.metier.model.optim.LearningRateSchedule;

/** One worker's optimiser steps within a round, and the statistics that it reports afterwards. */
final class LocalTrainer {
  private static final BalanceStrategy UNWEIGHTED = new AuxiliaryLoss(1);

  private final Kernels kernels;
  private final TransformerLm model;
  private final TrainConfig config;
  private final FrequencySync frequencySync;
  private final LocalCorrection correction;
  private final Balancing balancing;
  private final AdamW optimizer;
  private final List<DecayRange> decay;
  private final LearningRateSchedule schedule;
  private final RecentCounts recent;
  private final BatchLoads loads = new BatchLoads();
  private final FiniteGuard guard = new FiniteGuard();
  private final long[][] counts;
  private final double[][] gateMass;
  private final ExpertWork work;
  private double[] probabilities = new double[0];
  private long tokens;
  private int steps;
  private double lossSum;
  private double balanceLoss;
  private double zLoss;
  private double gradientNorm;

  LocalTrainer(
      Kernels kernels,
      TransformerLm model,
      TrainConfig config,
      FrequencySync frequencySync,
      LocalCorrection correction) {
    this(
        kernels,
        model,
        config,
        frequencySync,
        correction,
        new Balancing(kernels, model, config, 0, 0, new double[0][]));
  }

  LocalTrainer(
      Kernels kernels,
      TransformerLm model,
      TrainConfig config,
      FrequencySync frequencySync,
      LocalCorrection correction,
      Balancing balancing) {
    this.kernels = kernels;
    this.model = model;
    this.config = config;
    this.frequencySync = frequencySync;
    this.correction = correction;
    ModelConfig m = model.config();
    this.balancing = balancing;
    OptimizerConfig o = config.optimizer();
    this.optimizer = new AdamW(o.beta1(), o.beta2(), o.epsilon(), o.weightDecay(), o.clipNorm());
    this.decay = DecayRange.of(model.parameters().layout(), o::decays);
    this.schedule = config.schedule();
    this.recent = new RecentCounts(config.balance().recentBatches());
    this.counts = new long[m.numLayers()][m.routerColumns()];
    this.gateMass = new double[m.numLayers()][m.numExperts()];
    this.work = ExpertWork.none(m);
  }

  /**
   * One optimiser step on one or more micro-batches, whose gradients add up to that of the step's
   * mean loss: cross-entropy over all its counted targets, balance and z-loss over all its tokens.
   *
   * @param step optimiser steps of the run before this one; decides the learning rate
   * @param stepsOfMoments updates that the moments will have seen, this one included
   */
  void step(List<Batch> microBatches, long step, long stepsOfMoments) {
    int stepTokens = microBatches.stream().mapToInt(Batch::tokens).sum();
    int counted = microBatches.stream().mapToInt(Batch::countedTargets).sum();
    model.clearGradients();
    loads.beginStep(counts.length, model.config().numExperts());
    frequencySync.beginStep(step);
    if (microBatches.size() > 1 && frequencySync.looksAhead()) {
      frequencySync.wholeStep(route(microBatches, step));
    }
    double loss = 0;
    double[][][] frequencies = new double[microBatches.size()][][];
    double[] shares = new double[frequencies.length];
    for (int a = 0; a < frequencies.length; a++) {
      Batch batch = microBatches.get(a);
      double share = (double) batch.tokens() / stepTokens;
      shares[a] = share;
      balancing.beginBatch(step, a);
      loss += model.forward(batch, counted);
      Selections selections = selections(batch);
      frequencies[a] = averageNulls(frequencySync.frequencies(selections));
      record(batch, selections.counts(), frequencies[a], share);
      balancing.addLoss(backward(batch, frequencies[a], share));
    }
    correction.correct(() -> gradientAgain(microBatches, step, counted, frequencies, shares));
    double norm =
        optimizer.step(kernels, model.parameters(), decay, schedule.at(step), stepsOfMoments);
    guard.check(step, "the loss", loss);
    guard.check(step, "the norm of the gradient", norm);
    balancing.endStep(frequencySync.ofStep(frequencies, shares, counts[0].length), step);
    record(loss, stepTokens, norm);
  }

  /** Says whether this worker's update may be averaged. */
  FiniteGuard guard() {
    return guard;
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
        loads.microBatches(),
        counts,
        loads.steps(),
        recent.toArray(),
        gateMass,
        work,
        guard.refusal(),
        computeSeconds,
        balancing.report());
  }

  /** Null experts are balanced as a group, each layer by itself. */
  private double[][] averageNulls(double[][] frequencies) {
    ModelConfig m = model.config();
    if (m.nullExperts() == 0) {
      return frequencies;
    }
    double[][] averaged = new double[frequencies.length][];
    for (int l = 0; l < frequencies.length; l++) {
      averaged[l] = Frequencies.averageNulls(frequencies[l], m.numExperts(), m.nullExperts());
    }
    return averaged;
  }

  /** The step's gradient at other parameters: f stays, and nothing is counted a second time. */
  private void gradientAgain(
      List<Batch> microBatches, long step, int counted, double[][][] frequencies, double[] shares) {
    model.clearGradients();
    for (int a = 0; a < frequencies.length; a++) {
      Batch batch = microBatches.get(a);
      balancing.beginBatch(step, a);
      model.forward(batch, counted);
      backward(batch, frequencies[a], shares[a]);
    }
  }

  /** [L][E] selections of all micro-batches, by forward passes alone. */
  private long[][] route(List<Batch> microBatches, long step) {
    long[][] sum = new long[counts.length][counts[0].length];
    for (int a = 0; a < microBatches.size(); a++) {
      balancing.beginBatch(step, a);
      model.route(microBatches.get(a));
      add(sum, selections(microBatches.get(a)).counts());
    }
    return sum;
  }

  /**
   * Backward pass of the last forward pass, with the balance loss's gradient under f.
   *
   * @param frequencies [L][S·E], for S equal runs of the micro-batch's tokens
   * @param share of the step's tokens that are this micro-batch's
   * @return the strategy's loss, as it enters the step's
   */
  private double backward(Batch batch, double[][] frequencies, double share) {
    double weight = share / layerDivisor();
    double[][] gradients = new double[frequencies.length][];
    double loss = 0;
    for (int l = 0; l < frequencies.length; l++) {
      BalanceStrategy.Signal signal =
          signal(balancing.strategy(), l, frequencies[l], batch.tokens());
      loss += weight * signal.loss();
      gradients[l] = signal.gradient();
      for (int i = 0; i < gradients[l].length; i++) {
        gradients[l][i] *= weight;
      }
    }
    Balancing.TokenTerm ofTokens = balancing.tokenTerm(weight);
    model.backward(batch, gradients, config.balance().zLoss() * weight, ofTokens.gradients());
    return loss + ofTokens.loss();
  }

  private BalanceStrategy.Signal signal(
      BalanceStrategy of, int layer, double[] frequency, int batchTokens) {
    int runs = model.routing(layer).runs(frequency.length);
    return of.signal(frequency, meanProbability(layer, runs, batchTokens), runs);
  }

  /** [S·E] mean router probabilities of each of S equal runs of tokens. */
  private double[] meanProbability(int layer, int runs, int batchTokens) {
    double[] mean = runs == 1 ? model.routing(layer).probabilitySum.clone() : sums(layer, runs);
    for (int i = 0; i < mean.length; i++) {
      mean[i] /= batchTokens / runs;
    }
    return mean;
  }

  private double[] sums(int layer, int runs) {
    Tensor ofTokens = model.probabilities(layer);
    int experts = model.config().routerColumns();
    int tokensOfRun = ofTokens.rows() / runs;
    if (probabilities.length < ofTokens.size()) {
      probabilities = new double[ofTokens.size()];
    }
    kernels.download(probabilities, 0, ofTokens);
    double[] sums = new double[runs * experts];
    for (int i = 0; i < ofTokens.size(); i++) {
      int run = i / experts / tokensOfRun;
      sums[run * experts + i % experts] += probabilities[i];
    }
    return sums;
  }

  private Selections selections(Batch batch) {
    Routing[] layers = new Routing[model.config().numLayers()];
    for (int l = 0; l < layers.length; l++) {
      layers[l] = model.routing(l);
    }
    return new Selections(layers, batch.sequences());
  }

  /** Of one micro-batch, whose routing the model still holds. */
  private void record(Batch batch, long[][] batchCounts, double[][] frequencies, double share) {
    loads.add(work.ofExperts(batchCounts));
    recent.add(batchCounts);
    add(counts, batchCounts);
    int layers = batchCounts.length;
    for (int l = 0; l < layers; l++) {
      Routing routing = model.routing(l);
      double plain = signal(UNWEIGHTED, l, frequencies[l], batch.tokens()).loss();
      balanceLoss += plain * share / layers;
      zLoss += routing.squaredLogSumExp / batch.tokens() * share / layers;
      for (int e = 0; e < routing.numExperts(); e++) {
        gateMass[l][e] += routing.gateMass[e];
      }
      work.add(l, routing);
    }
  }

  /** Of one optimiser step. */
  private void record(double loss, int stepTokens, double norm) {
    steps++;
    tokens += stepTokens;
    lossSum += loss * stepTokens;
    gradientNorm += norm;
  }

  private static void add(long[][] sum, long[][] terms) {
    for (int l = 0; l < sum.length; l++) {
      for (int e = 0; e < sum[l].length; e++) {
        sum[l][e] += terms[l][e];
      }
    }
  }

  private double layerDivisor() {
    boolean mean = config.balance().layers() == TrainConfig.LayerReduction.MEAN;
    return mean ? model.config().numLayers() : 1;
  }
}
