package org.metier.train;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.kernel.RouterScoring.Activation;
import org.metier.engine.kernel.RouterScoring.BiasOn;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.TransformerLm;
import org.metier.train.AveragingConfig.Outer;
import org.metier.train.StrategyConfig.Kind;
import org.metier.train.StrategyConfig.Latency;
import org.metier.train.StrategyConfig.Update;
import org.metier.train.TrainConfig.Balance;
import org.metier.train.TrainConfig.Moments;
import org.metier.train.TrainConfig.Window;

/**
 * What balancing methods cost in a step of the model tiny on one thread. The methods take their
 * steps in turn and processor time counts, so that what else the machine does hits all alike: a
 * method's figure is the median over the turns of its step's time over that of {@code none} in the
 * same turn. Beside it, the time of what the method itself computes over single tokens, apart, as a
 * share of a step.
 *
 * <pre>mvn -B -pl pipeline/train -am test -Dtest=StrategyBenchmark -Dtest.excluded= \
 *   -Dsurefire.failIfNoSpecifiedTests=false -Dstrategy.turns=40</pre>
 */
@Tag("slow")
class StrategyBenchmark {
  private static final int TURNS = Integer.getInteger("strategy.turns", 20);
  private static final int WARMUP = 5;
  private static final int SEQUENCES = 4;

  /** One method's replica, and the times of its steps. */
  private static final class Candidate {
    final String name;
    final Kernels kernels = new CpuKernels(1);
    final TransformerLm model;
    final LocalTrainer trainer;
    final Balancing balancing;
    final double[] seconds = new double[TURNS];
    final double[] ownSeconds = new double[TURNS];

    Candidate(String name, Activation activation, Balance balance) {
      this.name = name;
      ModelConfig config = tiny().withRouter(new RouterScoring(activation, BiasOn.ACTIVATION));
      TrainConfig train =
          TrainFixture.train(
              "unused",
              1,
              1000,
              10,
              1,
              balance,
              Moments.AVERAGE,
              TrainFixture.averaging(Outer.MEAN));
      this.model = TransformerLm.forTraining(kernels, config, SEQUENCES);
      Parameters.initialize(model.parameters(), config, kernels, 1);
      this.balancing = new Balancing(kernels, model, train, 0, 0, new double[0][]);
      this.trainer =
          new LocalTrainer(
              kernels,
              model,
              train,
              FrequencySync.of(train, 0, GlobalFrequencies.none(), 0, CountExchange.alone()),
              LocalCorrection.NONE,
              balancing);
    }

    void step(Batch batch, long step, int turn) {
      long began = cpuTime();
      trainer.step(List.of(batch), step, step + 1);
      long ended = cpuTime();
      balancing.tokenTerm(1);
      if (turn >= 0) {
        seconds[turn] = (ended - began) / 1e9;
        ownSeconds[turn] = (cpuTime() - ended) / 1e9;
      }
    }
  }

  @Test
  void stepsInTurn() {
    List<Candidate> candidates = new ArrayList<>();
    candidates.add(new Candidate("none", Activation.SOFTMAX, of(Kind.NONE, 0)));
    candidates.add(new Candidate("none again", Activation.SOFTMAX, of(Kind.NONE, 0)));
    for (Kind kind : Kind.values()) {
      if (kind != Kind.NONE) {
        String name = kind.name().toLowerCase(Locale.ROOT).replace('_', '-');
        candidates.add(new Candidate(name, Activation.SOFTMAX, of(kind, 0)));
      }
    }
    candidates.add(new Candidate("loss-free, sigmoid", Activation.SIGMOID, of(Kind.LOSS_FREE, 0)));
    candidates.add(
        new Candidate(
            "mutual-information, sigmoid", Activation.SIGMOID, of(Kind.MUTUAL_INFORMATION, 0)));
    candidates.add(new Candidate("none, jitter 0.01", Activation.SOFTMAX, of(Kind.NONE, 0.01)));
    Batch batch = batch();
    for (int turn = -WARMUP; turn < TURNS; turn++) {
      for (Candidate candidate : candidates) {
        candidate.step(batch, turn + WARMUP, turn);
      }
    }
    Candidate none = candidates.get(0);
    System.out.println("| method | step, ms | against none | over single tokens |");
    System.out.println("|---|---|---|---|");
    for (Candidate c : candidates) {
      double[] ratios = new double[TURNS];
      double[] own = new double[TURNS];
      for (int turn = 0; turn < TURNS; turn++) {
        ratios[turn] = c.seconds[turn] / none.seconds[turn];
        own[turn] = c.ownSeconds[turn] / c.seconds[turn];
      }
      System.out.printf(
          Locale.ROOT,
          "| %s | %.1f | %+.1f %% | %.2f %% |%n",
          c.name,
          1e3 * median(c.seconds),
          100 * (median(ratios) - 1),
          100 * median(own));
      c.kernels.close();
    }
    costOfTheDual();
  }

  /** Once a round: the last update on the scores of the last micro-batch, four layers. */
  private static void costOfTheDual() {
    Candidate c = new Candidate("loss-free", Activation.SOFTMAX, of(Kind.LOSS_FREE, 0));
    Batch batch = batch();
    double[] seconds = new double[TURNS];
    for (int turn = 0; turn < TURNS; turn++) {
      c.step(batch, turn, 0);
      long began = cpuTime();
      c.balancing.report();
      seconds[turn] = (cpuTime() - began) / 1e9;
    }
    System.out.printf(Locale.ROOT, "%ndual, once a round: %.2f ms%n", 1e3 * median(seconds));
    c.kernels.close();
  }

  /** Of this thread, ns: what other processes do does not count. */
  private static long cpuTime() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  private static Balance of(Kind kind, double jitter) {
    Balance b = BalanceFixture.of(Window.MICRO_BATCH, kind, Update.STEP, jitter, 0);
    Double[] latencies = new Double[16];
    Arrays.setAll(latencies, e -> e < 8 ? 6.0 : 4.0);
    return new Balance(
        b.window(),
        b.coefficient(),
        b.layers(),
        b.recentBatches(),
        b.accumulation(),
        b.shuffled(),
        b.microBatchShare(),
        b.switchRound(),
        b.switchWindow(),
        b.zLoss(),
        b.strategy(),
        b.also(),
        b.normalization(),
        b.lossFree(),
        b.mutualInformation(),
        b.shinka(),
        new Latency(List.of(latencies), 0),
        b.jitter(),
        b.windowSequences());
  }

  /** conf/model/tiny.conf. */
  private static ModelConfig tiny() {
    return new ModelConfig(4096, 128, 4, 4, 2, 32, 16, 2, 128, 256, true, 1e4, 1e-6, 0.02);
  }

  private static Batch batch() {
    Random random = new Random(1);
    int tokens = SEQUENCES * tiny().sequenceLength();
    int[] inputs = random.ints(tokens, 0, tiny().vocabSize()).toArray();
    int[] targets = random.ints(tokens, 0, tiny().vocabSize()).toArray();
    return new Batch(SEQUENCES, tiny().sequenceLength(), inputs, targets, new int[tokens]);
  }
}
