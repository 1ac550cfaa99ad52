package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.TransformerLm;
import org.metier.model.balance.Frequencies;
import org.metier.train.AveragingConfig.Outer;
import org.metier.train.TrainConfig.Accumulation;
import org.metier.train.TrainConfig.Balance;
import org.metier.train.TrainConfig.LayerReduction;
import org.metier.train.TrainConfig.Window;

/**
 * One global batch, split over workers and accumulation steps in every way, in the double
 * reference: the token-weighted mean of the workers' gradients, and each term of the loss, must be
 * those of the batch in one piece. The pieces have 2, 1, 3 and 1 sequences; every sequence has
 * targets that do not count. 1e-10 is the mission's bound; sums in another order differ by about
 * 1e-15.
 */
class SplitInvarianceTest {
  private static final double EXACT = 1e-10;
  private static final int[] PIECES = {2, 1, 3, 1};
  private static final double COEFFICIENT = 0.7; // so large that an error in it would show
  private static final ModelConfig MODEL = TrainFixture.model();

  /** Of all workers together: the gradient [parameters] and the terms of the loss. */
  private record Outcome(double[] gradient, double loss, double balance, double zLoss) {
    void assertEquals(Outcome other) {
      assertThat(gradient).containsExactly(other.gradient, within(EXACT));
      assertThat(loss).isCloseTo(other.loss, within(EXACT));
      assertThat(balance).isCloseTo(other.balance, within(EXACT));
      assertThat(zLoss).isCloseTo(other.zLoss, within(EXACT));
    }
  }

  private record OfWorker(double[] gradient, WorkerReport report) {}

  @ParameterizedTest
  @CsvSource({
    "STEP, 1, 4", "STEP, 4, 1", "STEP, 2, 2",
    "SEQUENCE, 1, 4", "SEQUENCE, 4, 1", "SEQUENCE, 2, 2",
    "ROUND_STALE, 1, 4", "ROUND_STALE, 4, 1", "ROUND_STALE, 2, 2"
  })
  void theSplitDoesNotMatter(Window window, int workers, int accumulation) throws Exception {
    Balance balance = balance(window, Accumulation.EXACT, 0);
    Outcome whole = train(balance, List.of(List.of(batch(0, 7))));
    assertThat(Arrays.stream(whole.gradient).max().orElse(0)).isGreaterThan(0.01);
    train(balance, split(workers, accumulation)).assertEquals(whole);
  }

  /** FedSpeed takes a step's gradient twice, and both are of all its micro-batches. */
  @ParameterizedTest
  @CsvSource({"STEP", "SEQUENCE", "ROUND_STALE"})
  void aStepsSecondGradientIsOfAllItsMicroBatches(Window window) throws Exception {
    Balance balance = balance(window, Accumulation.EXACT, 0);
    AveragingConfig fedspeed = TrainFixture.averaging(Outer.FEDSPEED);
    OfWorker whole = step(balance, 0, 1, List.of(batch(0, 7)), CountExchange.alone(), fedspeed);
    OfWorker split = step(balance, 0, 1, split(1, 4).get(0), CountExchange.alone(), fedspeed);
    assertThat(split.gradient).containsExactly(whole.gradient, within(EXACT));
    assertThat(split.report.counts()).isDeepEqualTo(whole.report.counts());
    OfWorker once = step(balance, 0, 1, List.of(batch(0, 7)), CountExchange.alone());
    assertThat(whole.report.counts()).isDeepEqualTo(once.report.counts());
    assertThat(whole.report.lossSum()).isEqualTo(once.report.lossSum());
    assertThat(difference(whole.gradient, once.gradient)).isGreaterThan(1e-4);
  }

  private static double difference(double[] a, double[] b) {
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs(a[i] - b[i]));
    }
    return largest;
  }

  /** What depends on the pieces as such must still not depend on who computes which. */
  @ParameterizedTest
  @CsvSource({"MICRO_BATCH, 0", "STEP, 0.3", "ROUND_STALE, 0.3", "SEQUENCE, 0.3"})
  void onlyThePiecesMatter(Window window, double microBatchShare) throws Exception {
    Balance balance = balance(window, Accumulation.EXACT, microBatchShare);
    Outcome accumulated = train(balance, split(1, 4));
    train(balance, split(4, 1)).assertEquals(accumulated);
    train(balance, split(2, 2)).assertEquals(accumulated);
  }

  /**
   * Where counted targets are no fixed share of a piece: cross-entropy by targets, all else by
   * tokens.
   */
  @ParameterizedTest
  @CsvSource({"STEP", "SEQUENCE", "ROUND_STALE"})
  void accumulationIsExactWithRaggedTargets(Window window) throws Exception {
    Balance balance = balance(window, Accumulation.EXACT, 0);
    Batch whole = batch(0, 7);
    for (int t = 0; t < 2 * MODEL.sequenceLength() + 7; t++) {
      whole.targets()[t] = -1; // the first piece has no counted target at all
    }
    List<Batch> pieces = new ArrayList<>();
    int from = 0;
    for (int sequences : PIECES) {
      pieces.add(part(whole, from, sequences));
      from += sequences;
    }
    train(balance, List.of(pieces)).assertEquals(train(balance, List.of(List.of(whole))));
  }

  /** Against the definition, from the routing of the whole batch: E · Σ f·P, mean over layers. */
  @Test
  void theStepsBalanceLossIsThatOfTheGlobalBatch() throws Exception {
    Outcome split = train(balance(Window.STEP, Accumulation.EXACT, 0), split(2, 2));
    Batch whole = batch(0, 7);
    try (Kernels kernels = new ReferenceKernels()) {
      TransformerLm model = model(kernels);
      model.route(whole);
      double balance = 0;
      for (int l = 0; l < MODEL.numLayers(); l++) {
        Routing routing = model.routing(l);
        for (int e = 0; e < MODEL.numExperts(); e++) {
          double f = (double) routing.count(e) / routing.rows();
          double p = routing.probabilitySum[e] / whole.tokens();
          balance += MODEL.numExperts() * f * p / MODEL.numLayers();
        }
      }
      assertThat(split.balance).isCloseTo(balance, within(EXACT));
    }
  }

  /**
   * "seq loss with batch size 1 == micro loss": the mean over sequences is over micro-batches of
   * one.
   */
  @Test
  void theSequenceWindowIsTheMicroBatchWindowOfSingleSequences() throws Exception {
    List<Batch> singles = new ArrayList<>();
    for (int s = 0; s < 7; s++) {
      singles.add(batch(s, 1));
    }
    Outcome bySequence =
        train(balance(Window.SEQUENCE, Accumulation.EXACT, 0), List.of(List.of(batch(0, 7))));
    Outcome alone = train(balance(Window.MICRO_BATCH, Accumulation.EXACT, 0), List.of(singles));
    bySequence.assertEquals(alone);
    Outcome micro =
        train(balance(Window.MICRO_BATCH, Accumulation.EXACT, 0), List.of(List.of(batch(0, 7))));
    assertThat(bySequence.balance).isGreaterThan(micro.balance + 1e-3);
  }

  @Test
  void oneWorkerWithOneMicroBatchKnowsNoDifferenceBetweenTheWindows() throws Exception {
    List<List<Batch>> one = List.of(List.of(batch(0, 2)));
    Outcome micro = train(balance(Window.MICRO_BATCH, Accumulation.EXACT, 0), one);
    train(balance(Window.STEP, Accumulation.EXACT, 0), one).assertEquals(micro);
    train(balance(Window.STEP, Accumulation.BUFFER, 0), one).assertEquals(micro);
    train(balance(Window.STEP, Accumulation.BUFFER, 0.3), one).assertEquals(micro);
  }

  /** The paper's buffer: f of micro-batch a is over micro-batches 0 to a of all workers. */
  @Test
  void theBufferSeesTheMicroBatchesSoFar() throws Exception {
    List<List<Batch>> split = split(2, 2);
    Outcome buffered = train(balance(Window.STEP, Accumulation.BUFFER, 0), split);
    double expected = 0;
    try (Kernels kernels = new ReferenceKernels()) {
      TransformerLm model = model(kernels);
      long[][] counts = new long[MODEL.numLayers()][MODEL.numExperts()];
      for (int a = 0; a < 2; a++) {
        List<Batch> now = List.of(split.get(0).get(a), split.get(1).get(a));
        for (Batch batch : now) {
          model.route(batch);
          for (int l = 0; l < counts.length; l++) {
            model.routing(l).addCounts(counts[l]);
          }
        }
        for (Batch batch : now) {
          model.route(batch);
          for (int l = 0; l < counts.length; l++) {
            double[] p = model.routing(l).probabilitySum.clone();
            for (int e = 0; e < p.length; e++) {
              p[e] /= batch.tokens();
            }
            double share = batch.tokens() / (7.0 * MODEL.sequenceLength()) / counts.length;
            expected += share * Frequencies.balance(Frequencies.of(counts[l]), p);
          }
        }
      }
    }
    assertThat(buffered.balance).isCloseTo(expected, within(EXACT));
  }

  private static Outcome train(Balance balance, List<List<Batch>> byWorker) throws Exception {
    int workers = byWorker.size();
    List<OfWorker> results;
    if (workers == 1) {
      results = List.of(step(balance, 0, 1, byWorker.get(0), CountExchange.alone()));
    } else {
      try (LocalGang gang = new LocalGang(workers, 30)) {
        results =
            gang.run(
                0,
                (worker, exchange) ->
                    step(balance, worker, workers, byWorker.get(worker), exchange));
      }
    }
    double tokens = results.stream().mapToDouble(r -> r.report.tokens()).sum();
    double[] gradient = new double[results.get(0).gradient.length];
    double loss = 0;
    double balanceLoss = 0;
    double zLoss = 0;
    for (OfWorker result : results) {
      double share = result.report.tokens() / tokens;
      for (int i = 0; i < gradient.length; i++) {
        gradient[i] += share * result.gradient[i];
      }
      loss += result.report.lossSum() / tokens;
      balanceLoss += share * result.report.balanceLoss();
      zLoss += share * result.report.zLoss();
    }
    return new Outcome(gradient, loss, balanceLoss, zLoss);
  }

  private static OfWorker step(
      Balance balance, int worker, int workers, List<Batch> batches, CountExchange exchange) {
    AveragingConfig mean = TrainFixture.averaging(Outer.MEAN);
    return step(balance, worker, workers, batches, exchange, mean);
  }

  private static OfWorker step(
      Balance balance,
      int worker,
      int workers,
      List<Batch> batches,
      CountExchange exchange,
      AveragingConfig averaging) {
    try (Kernels kernels = new ReferenceKernels()) {
      TransformerLm model = model(kernels);
      TrainConfig config = TrainFixture.train("", workers, 1, 1, batches.size(), balance);
      FrequencySync sync = FrequencySync.of(config, 1, lastRound(), worker, exchange);
      LocalCorrection correction = LocalCorrection.of(averaging, kernels, model.parameters());
      correction.begin();
      LocalTrainer trainer = new LocalTrainer(kernels, model, config, sync, correction);
      trainer.step(batches, 0, 1);
      double[] gradient = new double[model.parameters().layout().size()];
      kernels.download(gradient, 0, model.parameters().block(Role.GRADIENT));
      return new OfWorker(gradient, trainer.report(0, worker, 0));
    }
  }

  private static TransformerLm model(Kernels kernels) {
    TransformerLm model = TransformerLm.forTraining(kernels, MODEL, 7);
    Parameters.initialize(model.parameters(), MODEL, kernels, 5);
    // Initial routers are all but indifferent; these have opinions.
    for (int l = 0; l < MODEL.numLayers(); l++) {
      var slice = model.parameters().layout().slice(Parameters.router(l));
      var router = model.parameters().block(Role.VALUE, slice.offset(), slice.size());
      double[] weights = new Random(9 + l).doubles(slice.size(), -0.5, 0.5).toArray();
      kernels.upload(router, weights, 0);
    }
    return model;
  }

  /** F of a round before, the same for all workers. */
  private static GlobalFrequencies lastRound() {
    double[][] global = new double[MODEL.numLayers()][];
    for (int l = 0; l < global.length; l++) {
      global[l] = new double[] {.5, .25, .125, .125};
    }
    return new GlobalFrequencies(
        global, new double[][][] {global, global, global, global}, new long[4][0][][]);
  }

  private static Balance balance(Window window, Accumulation accumulation, double share) {
    return new Balance(
        window, COEFFICIENT, LayerReduction.MEAN, 3, accumulation, false, share, 0, window, 1e-2);
  }

  /** Piece a·W + w is worker w's in accumulation step a, as in a round. */
  private static List<List<Batch>> split(int workers, int accumulation) {
    List<List<Batch>> byWorker = new ArrayList<>();
    for (int w = 0; w < workers; w++) {
      List<Batch> own = new ArrayList<>();
      for (int a = 0; a < accumulation; a++) {
        int piece = a * workers + w;
        int from = 0;
        for (int p = 0; p < piece; p++) {
          from += PIECES[p];
        }
        own.add(batch(from, PIECES[piece]));
      }
      byWorker.add(own);
    }
    return byWorker;
  }

  /** Sequences {@code from} and on of one endless batch. */
  private static Batch batch(int from, int sequences) {
    int length = MODEL.sequenceLength();
    int[][] arrays = new int[3][sequences * length];
    for (int s = 0; s < sequences; s++) {
      Random random = new Random(31L * (from + s));
      int boundary = random.nextInt(length);
      for (int i = 0; i < length; i++) {
        int t = s * length + i;
        arrays[0][t] = random.nextInt(MODEL.vocabSize() / 10) + 20 * ((from + s) % 5);
        arrays[1][t] = i % 10 == 3 ? -1 : random.nextInt(MODEL.vocabSize());
        arrays[2][t] = i >= boundary ? boundary : 0;
      }
    }
    return new Batch(sequences, length, arrays[0], arrays[1], arrays[2]);
  }

  private static Batch part(Batch whole, int from, int sequences) {
    int length = whole.length();
    int first = from * length;
    int last = first + sequences * length;
    return new Batch(
        sequences,
        length,
        Arrays.copyOfRange(whole.inputs(), first, last),
        Arrays.copyOfRange(whole.targets(), first, last),
        Arrays.copyOfRange(whole.documentStart(), first, last));
  }
}
