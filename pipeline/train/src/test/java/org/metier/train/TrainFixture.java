package org.metier.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.apache.spark.sql.SparkSession;
import org.metier.engine.kernel.Precision;
import org.metier.engine.kernel.Routing;
import org.metier.model.ModelConfig;
import org.metier.model.ParameterKind;
import org.metier.model.optim.WarmupStableDecay;
import org.metier.prep.Preparation;
import org.metier.prep.PrepareConfig;
import org.metier.prep.Progress;
import org.metier.prep.pack.MixtureConfig;
import org.metier.prep.pack.PackingConfig;
import org.metier.prep.read.ReadingConfig;
import org.metier.prep.tokenize.TokenizerConfig;
import org.metier.train.AveragingConfig.Diloco;
import org.metier.train.AveragingConfig.Fedspeed;
import org.metier.train.AveragingConfig.Outer;
import org.metier.train.AveragingConfig.Reduction;
import org.metier.train.TrainConfig.Accumulation;
import org.metier.train.TrainConfig.Balance;
import org.metier.train.TrainConfig.LayerReduction;
import org.metier.train.TrainConfig.Moments;
import org.metier.train.TrainConfig.Schedule;
import org.metier.train.TrainConfig.Window;

/**
 * A Spark session, a small prepared corpus of two made-up languages, and configs to train on it.
 */
final class TrainFixture {
  static final int VOCABULARY = 300;
  static final int LENGTH = 32;

  private static SparkSession session;

  private TrainFixture() {}

  /** Local Spark with two slots, one for all tests of the module. */
  static synchronized SparkSession spark() {
    if (session == null) {
      session =
          SparkSession.builder()
              .master("local[2,4]") // a task may fail three times
              .appName("metier-train-tests")
              .config("spark.ui.enabled", "false")
              .config("spark.sql.shuffle.partitions", "2")
              // what Spark stores may leave the heap for the disk; what ReduceBenchmark needs may
              // not
              .config("spark.memory.fraction", "0.4")
              .getOrCreate();
      session.sparkContext().setLogLevel("ERROR");
    }
    return session;
  }

  /** Writes and prepares the corpus under {@code directory}; returns the prepared directory. */
  static String prepared(Path directory) {
    try {
      Path corpus = Files.createDirectories(directory.resolve("corpus"));
      Files.writeString(corpus.resolve("low.jsonl"), language("low", 'a', 11));
      Files.writeString(corpus.resolve("high.jsonl"), language("high", 'n', 12));
      String output = directory.resolve("prepared").toString();
      PrepareConfig config =
          new PrepareConfig(
              List.of(corpus.toString()),
              output,
              "text",
              "domain",
              1,
              VOCABULARY,
              TokenizerConfig.trained(),
              LENGTH,
              new PackingConfig(PackingConfig.Method.SEQUENTIAL),
              MixtureConfig.natural(),
              100,
              0.1,
              0.0,
              0.0,
              5,
              ReadingConfig.defaults());
      new Preparation(spark(), config, Progress.silent()).run();
      return output;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static EngineConfig engine() {
    return new EngineConfig(EngineConfig.Backend.CPU, Precision.FLOAT);
  }

  static ModelConfig model() {
    return new ModelConfig(VOCABULARY, 16, 2, 2, 1, 8, 4, 2, 16, LENGTH, true, 10_000, 1e-6, 0.05);
  }

  static TrainConfig train(String data, int workers, int localSteps, int rounds, Window window) {
    return train(data, workers, localSteps, rounds, 1, balance(window));
  }

  static TrainConfig train(
      String data, int workers, int localSteps, int rounds, int accumulation, Balance balance) {
    return train(
        data,
        workers,
        localSteps,
        rounds,
        accumulation,
        balance,
        Moments.AVERAGE,
        averaging(Outer.MEAN));
  }

  static TrainConfig train(
      String data,
      int workers,
      int localSteps,
      int rounds,
      Window window,
      Moments moments,
      AveragingConfig averaging) {
    return train(data, workers, localSteps, rounds, 1, balance(window), moments, averaging);
  }

  static TrainConfig train(
      String data,
      int workers,
      int localSteps,
      int rounds,
      int accumulation,
      Balance balance,
      Moments moments,
      AveragingConfig averaging) {
    return new TrainConfig(
        data,
        TrainConfig.WorkerData.MIXTURE,
        workers,
        1,
        localSteps,
        4,
        accumulation,
        rounds,
        2,
        3,
        1,
        30,
        7,
        optimizer(3e-3, 1.0, moments),
        balance,
        averaging,
        0,
        40,
        new EarlyStop(0, 0));
  }

  /** Cosine after four steps of warm-up; all but norms decay. */
  static OptimizerConfig optimizer(double learningRate, double clipNorm, Moments moments) {
    return new OptimizerConfig(
        learningRate,
        4,
        0.1,
        0.9,
        0.95,
        1e-8,
        0.1,
        clipNorm,
        moments,
        Schedule.COSINE,
        0.2,
        WarmupStableDecay.Shape.SQRT,
        List.of(
            ParameterKind.MATRIX,
            ParameterKind.EMBEDDING,
            ParameterKind.HEAD,
            ParameterKind.ROUTER));
  }

  /** The same run under another optimiser. */
  static TrainConfig with(TrainConfig c, OptimizerConfig optimizer) {
    return with(
        c,
        c.rounds(),
        c.checkpointEvery(),
        c.keepCheckpoints(),
        optimizer,
        c.validateEvery(),
        c.earlyStop());
  }

  /** The same run with validations. */
  static TrainConfig validated(TrainConfig c, int every, EarlyStop earlyStop) {
    return with(
        c, c.rounds(), c.checkpointEvery(), c.keepCheckpoints(), c.optimizer(), every, earlyStop);
  }

  /** The same run with other checkpoints. */
  static TrainConfig saved(TrainConfig c, int rounds, int every, int keep) {
    return with(c, rounds, every, keep, c.optimizer(), c.validateEvery(), c.earlyStop());
  }

  private static TrainConfig with(
      TrainConfig c,
      int rounds,
      int checkpointEvery,
      int keepCheckpoints,
      OptimizerConfig optimizer,
      int validateEvery,
      EarlyStop earlyStop) {
    return new TrainConfig(
        c.data(),
        c.workerData(),
        c.workers(),
        c.threadsPerWorker(),
        c.localSteps(),
        c.batchSequences(),
        c.accumulationSteps(),
        rounds,
        checkpointEvery,
        keepCheckpoints,
        c.sliceMegabytes(),
        c.exchangeTimeoutSeconds(),
        c.seed(),
        optimizer,
        c.balance(),
        c.averaging(),
        validateEvery,
        c.validationSequences(),
        earlyStop);
  }

  static Balance balance(Window window) {
    return balance(window, 3);
  }

  static Balance balance(Window window, int recentBatches) {
    return new Balance(
        window,
        0.02,
        LayerReduction.MEAN,
        recentBatches,
        Accumulation.EXACT,
        false,
        0,
        0,
        window,
        1e-4);
  }

  /** A micro-batch of one sequence, top-1, with these selections: [L][E]. */
  static Selections selections(long[][] counts) {
    Routing[] layers = new Routing[counts.length];
    for (int l = 0; l < counts.length; l++) {
      int tokens = (int) Arrays.stream(counts[l]).sum();
      layers[l] = new Routing(tokens, counts[l].length, 1);
      int token = 0;
      for (int e = 0; e < counts[l].length; e++) {
        for (int i = 0; i < counts[l][e]; i++) {
          layers[l].expertOfSlot[token++] = e;
        }
      }
      layers[l].sortByExpert(tokens);
    }
    return new Selections(layers, 1);
  }

  /** What a worker says that has taken one step with these selections: [L][E]. */
  static WorkerReport report(long round, int worker, long[][] counts) {
    return report(round, worker, counts, new long[][][] {counts});
  }

  /** The same, with these [≤n][L][E] most recent micro-batches. */
  static WorkerReport report(long round, int worker, long[][] counts, long[][][] recent) {
    BatchLoads loads = new BatchLoads();
    loads.beginStep(counts.length, counts[0].length);
    loads.add(counts);
    return report(round, worker, counts, recent, loads);
  }

  /** What a worker says that has seen these loads. */
  static WorkerReport report(
      long round, int worker, long[][] counts, long[][][] recent, BatchLoads loads) {
    double[][] gateMass = new double[counts.length][counts[0].length];
    return new WorkerReport(
        round,
        worker,
        4,
        1,
        1,
        1,
        1,
        loads.microBatches(),
        counts,
        loads.steps(),
        recent,
        gateMass,
        ExpertWork.none(counts.length, counts[0].length, 1),
        "",
        1,
        Balancing.Report.of(0));
  }

  static AveragingConfig averaging(Outer outer) {
    return new AveragingConfig(
        outer, Reduction.SLICED, new Diloco(0.7, 0.9), new Fedspeed(10, 0.05, 1, true));
  }

  /** A listener that says nothing. */
  static Training.TrainingListener silent() {
    return new Training.TrainingListener() {
      @Override
      public void started(long round, TrainConfig config) {}

      @Override
      public void roundFinished(RoundMetrics metrics) {}
    };
  }

  /** 400 documents of made-up words over thirteen letters from {@code first} on. */
  private static String language(String domain, char first, long seed) {
    Random random = new Random(seed);
    String[] words = new String[60];
    for (int i = 0; i < words.length; i++) {
      StringBuilder word = new StringBuilder();
      for (int c = 0; c < 2 + random.nextInt(5); c++) {
        word.append((char) (first + random.nextInt(13)));
      }
      words[i] = word.toString();
    }
    StringBuilder lines = new StringBuilder();
    for (int document = 0; document < 400; document++) {
      lines.append("{\"domain\":\"").append(domain).append("\",\"text\":\"");
      int length = 20 + random.nextInt(60);
      for (int i = 0; i < length; i++) {
        double skewed = random.nextDouble() * random.nextDouble();
        lines.append(i == 0 ? "" : " ").append(words[(int) (skewed * words.length)]);
      }
      lines.append("\"}\n");
    }
    return lines.toString();
  }
}
