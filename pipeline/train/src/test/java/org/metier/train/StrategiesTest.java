package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.kernel.RouterScoring.Activation;
import org.metier.engine.kernel.RouterScoring.BiasOn;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.TransformerLm;
import org.metier.model.balance.Normalization;
import org.metier.train.AveragingConfig.Outer;
import org.metier.train.StrategyConfig.Kind;
import org.metier.train.StrategyConfig.Update;
import org.metier.train.StrategyConfig.Weighted;
import org.metier.train.TrainConfig.Balance;
import org.metier.train.TrainConfig.LayerReduction;
import org.metier.train.TrainConfig.Moments;
import org.metier.train.TrainConfig.Window;

/**
 * Balancing methods in a worker's own steps, in double and with a real exchange between workers.
 */
class StrategiesTest {
  private static final int STEPS = 5; // an odd number: a bias of ±u a step cannot be back at 0

  /** What one worker has after its steps. */
  private record Worker(double[] values, WorkerReport report) {}

  /**
   * Every worker's bias is the same bits, and that of a loop over the summed counts of all workers
   * and micro-batches; a bias from a worker's own counts is another.
   */
  @ParameterizedTest
  @CsvSource({"SOFTMAX, LOGIT", "SOFTMAX, ACTIVATION", "SIGMOID, ACTIVATION"})
  void globalCountsGiveAllWorkersTheSameBias(Activation activation, BiasOn biasOn)
      throws Exception {
    ModelConfig model = TrainFixture.model().withRouter(new RouterScoring(activation, biasOn));
    List<Worker> workers =
        train(BalanceFixture.lossFree(Window.STEP, Update.STEP), model, 2, 2, new double[0][]);
    double[][] expected = biasOf(workers, List.of(0, 1), model);
    for (Worker worker : workers) {
      Balancing.Report report = worker.report.balancing();
      assertThat(report.bias()).isDeepEqualTo(expected);
      assertThat(report.dual().violations()).isZero();
      double fall = report.dual().before() - report.dual().after();
      double slack = 1e-9 * Math.abs(report.dual().before());
      assertThat(fall)
          .isBetween(report.dual().leastFall() - slack, report.dual().mostFall() + slack);
      assertThat(report.dual().tokens()).isEqualTo(2L * 3 * TrainFixture.LENGTH);
    }
    assertThat(biasOf(workers, List.of(0), model)).isNotEqualTo(expected);
    assertThat(Arrays.stream(expected[0]).map(Math::abs).max().orElseThrow()).isPositive();
    GlobalFrequencies next = GlobalFrequencies.of(workers.stream().map(Worker::report).toList());
    assertThat(next.bias()).isDeepEqualTo(expected);
  }

  /**
   * By the definition: after each step, u · sign(L - c_e), with counts of some workers together.
   */
  private static double[][] biasOf(List<Worker> workers, List<Integer> counted, ModelConfig m) {
    double[][] bias = new double[m.numLayers()][m.numExperts()];
    for (int step = 0; step < STEPS; step++) {
      for (int l = 0; l < bias.length; l++) {
        long[] sum = new long[m.numExperts()];
        long total = 0;
        for (int w : counted) {
          for (int e = 0; e < sum.length; e++) {
            sum[e] += workers.get(w).report.stepCounts()[step][l][e];
            total += workers.get(w).report.stepCounts()[step][l][e];
          }
        }
        for (int e = 0; e < sum.length; e++) {
          bias[l][e] += BalanceFixture.RATE * Long.signum(total - sum[e] * sum.length);
        }
      }
    }
    return bias;
  }

  /** All workers count the same draw, or the window that holds after the change. */
  @Test
  void aDrawAndAChangeOfWindowGiveAllWorkersTheSameBias() throws Exception {
    Balance b = BalanceFixture.lossFree(Window.STEP, Update.STEP);
    Balance drawn = with(b, Window.STEP, true, 0);
    Balance changed = with(b, Window.MICRO_BATCH, false, 1);
    for (Balance balance : List.of(drawn, changed)) {
      List<Worker> workers = train(balance, TrainFixture.model(), 2, 1, new double[0][]);
      assertThat(workers.get(0).report.balancing().bias())
          .isDeepEqualTo(workers.get(1).report.balancing().bias())
          .isNotEqualTo(new double[2][4]);
    }
  }

  private static Balance with(Balance b, Window window, boolean shuffled, int switchRound) {
    return new Balance(
        window,
        b.coefficient(),
        b.layers(),
        b.recentBatches(),
        b.accumulation(),
        shuffled,
        b.microBatchShare(),
        switchRound,
        b.switchWindow(),
        b.zLoss(),
        b.strategy(),
        b.also(),
        b.normalization(),
        b.lossFree(),
        b.mutualInformation(),
        b.shinka(),
        b.latency(),
        b.jitter(),
        b.windowSequences());
  }

  /** Of a local window each worker moves its own; the round's is their mean. */
  @Test
  void localBiasesAreAveraged() throws Exception {
    ModelConfig model = TrainFixture.model();
    Balance balance = BalanceFixture.lossFree(Window.MICRO_BATCH, Update.STEP);
    List<Worker> workers = train(balance, model, 2, 1, new double[0][]);
    double[][] first = workers.get(0).report.balancing().bias();
    double[][] second = workers.get(1).report.balancing().bias();
    assertThat(first).isDeepEqualTo(biasOf(workers, List.of(0), model));
    assertThat(second).isDeepEqualTo(biasOf(workers, List.of(1), model));
    assertThat(first).isNotEqualTo(second);
    double[][] mean = GlobalFrequencies.of(workers.stream().map(Worker::report).toList()).bias();
    for (int l = 0; l < mean.length; l++) {
      for (int e = 0; e < mean[l].length; e++) {
        assertThat(mean[l][e]).isCloseTo((first[l][e] + second[l][e]) / 2, within(1e-16));
      }
    }
  }

  /** The next round starts from the bias that it is given. */
  @Test
  void aRoundGoesOnFromTheBiasBefore() throws Exception {
    ModelConfig model = TrainFixture.model();
    double[][] before = {{.1, 0, 0, -.1}, {0, .3, 0, 0}};
    Balance balance = BalanceFixture.lossFree(Window.STEP, Update.STEP);
    List<Worker> workers = train(balance, model, 1, 1, before);
    double[][] moved = biasOf(workers, List.of(0), model);
    double[][] bias = workers.get(0).report.balancing().bias();
    for (int l = 0; l < bias.length; l++) {
      for (int e = 0; e < bias[l].length; e++) {
        assertThat(bias[l][e]).isCloseTo(before[l][e] + moved[l][e], within(1e-15));
      }
    }
  }

  /** Once a round, by what all workers routed in it: the steps leave it alone. */
  @Test
  void aRoundsUpdateIsByItsCounts() throws Exception {
    ModelConfig model = TrainFixture.model();
    Balance balance = BalanceFixture.lossFree(Window.ROUND, Update.ROUND);
    List<Worker> workers = train(balance, model, 2, 1, new double[0][]);
    List<WorkerReport> reports = workers.stream().map(Worker::report).toList();
    GlobalFrequencies of = GlobalFrequencies.of(reports);
    assertThat(of.bias()).isDeepEqualTo(new double[2][4]);
    double[][] bias =
        of.withUpdatedBias(StrategyConfig.strategy(config(balance, 2), model, 0), 1).bias();
    for (int l = 0; l < 2; l++) {
      for (int e = 0; e < 4; e++) {
        double missing = Math.signum(0.25 - of.global()[l][e]);
        assertThat(bias[l][e]).isEqualTo(BalanceFixture.RATE * missing);
      }
    }
  }

  /** Every method runs in every window, moves parameters, and gives the same bits again. */
  @ParameterizedTest
  @EnumSource
  void everyMethodGoesWithEveryWindow(Kind kind) throws Exception {
    for (Window window : Window.values()) {
      for (double share : new double[] {0, 0.01}) {
        Balance balance = BalanceFixture.of(window, kind, Update.STEP, 0, share);
        Worker once = train(balance, TrainFixture.model(), 1, 2, new double[0][]).get(0);
        Worker again = train(balance, TrainFixture.model(), 1, 2, new double[0][]).get(0);
        assertThat(once.report.balancing().loss()).isFinite();
        assertThat(once.values).isEqualTo(again.values);
        if (kind != Kind.LOSS_FREE && kind != Kind.NONE) {
          Balance none = BalanceFixture.of(window, Kind.NONE);
          Worker without = train(none, TrainFixture.model(), 1, 2, new double[0][]).get(0);
          assertThat(once.values).isNotEqualTo(without.values);
        }
      }
    }
  }

  /** A composition's loss is the sum of its parts' on the same first step. */
  @Test
  void methodsAdd() throws Exception {
    Weighted concentration = new Weighted(Kind.CONCENTRATION, 0.3);
    Weighted information = new Weighted(Kind.MUTUAL_INFORMATION, 0.2);
    double all =
        firstLoss(BalanceFixture.of(Window.STEP, Kind.LOSS_FREE, concentration, information));
    double scaled = firstLoss(BalanceFixture.of(Window.STEP, Kind.CONCENTRATION)) * 0.3 / 0.02;
    double other = firstLoss(BalanceFixture.of(Window.STEP, Kind.MUTUAL_INFORMATION)) * 0.2 / 0.02;
    assertThat(all).isCloseTo(scaled + other, within(1e-12));
  }

  /** All initial parameters are the same, so only the first step's losses can be compared. */
  private static double firstLoss(Balance balance) throws Exception {
    TransformerLm model =
        TransformerLm.forTraining(new ReferenceKernels(), TrainFixture.model(), 3);
    LocalTrainer trainer = trainer(balance, model, new ReferenceKernels(), 0, 1, new double[0][]);
    trainer.step(List.of(batch(0)), 0, 1);
    return trainer.report(0, 0, 1).balancing().loss();
  }

  @Test
  void megatronsCoefficientIsConvertedByTheWorkers() {
    Balance b = BalanceFixture.of(Window.STEP, Kind.AUXILIARY);
    for (Window window : Window.values()) {
      Balance megatron =
          new Balance(
              window,
              b.coefficient(),
              LayerReduction.SUM,
              3,
              b.accumulation(),
              false,
              0,
              0,
              window,
              0,
              b.strategy(),
              b.also(),
              Normalization.MEGATRON,
              b.lossFree(),
              b.mutualInformation(),
              b.shinka(),
              b.latency(),
              0,
              1);
      double[] f = {.4, .3, .2, .1};
      double[] gradient =
          StrategyConfig.strategy(config(megatron, 4), TrainFixture.model(), 0)
              .signal(f, f)
              .gradient();
      boolean local = window == Window.SEQUENCE || window == Window.MICRO_BATCH;
      double expected = 0.02 * 4 * 0.4 / (local ? 1 : 4);
      assertThat(gradient[0]).as("%s", window).isCloseTo(expected, within(1e-15));
    }
  }

  @Test
  void noiseIsThatOfSeedStepAndWorker() throws Exception {
    Balance noisy = BalanceFixture.jittered(0.3);
    List<Worker> once = train(noisy, TrainFixture.model(), 2, 2, new double[0][]);
    List<Worker> again = train(noisy, TrainFixture.model(), 2, 2, new double[0][]);
    List<Worker> quiet =
        train(BalanceFixture.jittered(0), TrainFixture.model(), 2, 2, new double[0][]);
    for (int w = 0; w < 2; w++) {
      assertThat(once.get(w).values).isEqualTo(again.get(w).values);
      assertThat(once.get(w).values).isNotEqualTo(quiet.get(w).values);
    }
    // the same micro-batch twice, as two workers: their noise differs
    Kernels kernels = new ReferenceKernels();
    double[] losses = new double[2];
    for (int w = 0; w < 2; w++) {
      TransformerLm model = TransformerLm.forTraining(kernels, TrainFixture.model(), 3);
      LocalTrainer trainer = trainer(noisy, model, kernels, w, 1, new double[0][]);
      trainer.step(List.of(batch(0)), 0, 1);
      losses[w] = trainer.report(0, w, 1).lossSum();
    }
    assertThat(losses[0]).isNotEqualTo(losses[1]);
  }

  @Test
  void whatDoesNotGoTogetherIsRefusedByKey() {
    assertThatThrownBy(() -> config(BalanceFixture.lossFree(Window.STEP, Update.ROUND), 1))
        .hasMessage(
            "balance.lossFree.update = round takes a round's counts: set window = round, is step");
    assertThatThrownBy(
            () ->
                config(
                    BalanceFixture.of(Window.STEP, Kind.NONE, new Weighted(Kind.CONCENTRATION, 1)),
                    1))
        .hasMessage("balance.also goes with a strategy, but strategy is none");
    assertThatThrownBy(
            () ->
                config(
                    BalanceFixture.of(Window.STEP, Kind.SHINKA, new Weighted(Kind.SHINKA, 1)), 1))
        .hasMessage("balance.also names a strategy that is there already");
    assertThatThrownBy(() -> new Weighted(Kind.SHINKA, -1))
        .hasMessage("coefficient must not be negative, is -1.0");
    Balance latency = BalanceFixture.of(Window.STEP, Kind.LATENCY);
    ModelConfig eight =
        new ModelConfig(300, 16, 2, 2, 1, 8, 8, 2, 16, 32, true, 10_000, 1e-6, 0.05);
    assertThatThrownBy(() -> StrategyConfig.checkFit(latency, eight))
        .hasMessage("train.balance.latency.latencies has 4 entries, model.numExperts is 8");
  }

  // ---- one worker or more, as a round has them ----

  private static TrainConfig config(Balance balance, int workers) {
    return TrainFixture.train(
        "unused",
        workers,
        STEPS,
        3,
        1,
        balance,
        Moments.AVERAGE,
        TrainFixture.averaging(Outer.MEAN));
  }

  private static List<Worker> train(
      Balance balance, ModelConfig model, int workers, int accumulation, double[][] bias)
      throws Exception {
    if (workers == 1) {
      return List.of(steps(balance, model, 0, 1, accumulation, bias, CountExchange.alone()));
    }
    try (LocalGang gang = new LocalGang(workers, 30)) {
      return gang.run(
          0,
          (worker, exchange) ->
              steps(balance, model, worker, workers, accumulation, bias, exchange));
    }
  }

  private static Worker steps(
      Balance balance,
      ModelConfig config,
      int worker,
      int workers,
      int accumulation,
      double[][] bias,
      CountExchange exchange) {
    Kernels kernels = new CpuKernels(1);
    TransformerLm model = TransformerLm.forTraining(kernels, config, 3);
    LocalTrainer trainer = trainer(balance, model, kernels, worker, workers, bias, exchange);
    for (int step = 0; step < STEPS; step++) {
      List<Batch> batches = new ArrayList<>();
      for (int a = 0; a < accumulation; a++) {
        batches.add(batch((step * accumulation + a) * workers + worker));
      }
      trainer.step(batches, step, step + 1);
    }
    double[] values = new double[model.parameters().layout().size()];
    kernels.download(values, 0, model.parameters().block(Role.VALUE));
    return new Worker(values, trainer.report(0, worker, 1));
  }

  private static LocalTrainer trainer(
      Balance balance,
      TransformerLm model,
      Kernels kernels,
      int worker,
      int workers,
      double[][] bias) {
    return trainer(balance, model, kernels, worker, workers, bias, CountExchange.alone());
  }

  private static LocalTrainer trainer(
      Balance balance,
      TransformerLm model,
      Kernels kernels,
      int worker,
      int workers,
      double[][] bias,
      CountExchange exchange) {
    Parameters.initialize(model.parameters(), model.config(), kernels, 3);
    TrainConfig config = config(balance, workers);
    LocalCorrection correction =
        LocalCorrection.of(config.averaging(), kernels, model.parameters());
    correction.begin();
    int round = balance.switchRound(); // the first one after a change, if there is one
    return new LocalTrainer(
        kernels,
        model,
        config,
        FrequencySync.of(config, round, GlobalFrequencies.none(), worker, exchange),
        correction,
        new Balancing(kernels, model, config, round, worker, bias));
  }

  /** Three sequences over a seventh of the vocabulary each. */
  private static Batch batch(int number) {
    Random random = new Random(number);
    int tokens = 3 * TrainFixture.LENGTH;
    int[] inputs = new int[tokens];
    int[] targets = new int[tokens];
    for (int t = 0; t < tokens; t++) {
      inputs[t] = random.nextInt(40) + 40 * (number % 7);
      targets[t] = random.nextInt(40) + 40 * (number % 7);
    }
    return new Batch(3, TrainFixture.LENGTH, inputs, targets, new int[tokens]);
  }
}
