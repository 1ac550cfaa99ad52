package org.metier.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.metier.engine.kernel.Kernels;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.TransformerLm;

/**
 * Times whole training steps (forward, balance loss, backward, clipping, AdamW) on random tokens,
 * without Spark: what the engine gives to one machine. Replicas run side by side, one thread or
 * more each, as workers of one executor do.
 */
public final class StepBenchmark {
  private static final int WARMUP_STEPS = 3;

  private final ModelConfig model;
  private final TrainConfig config;

  /**
   * Medians over the timed steps.
   *
   * @param tokensPerSecond over all replicas
   * @param stepSeconds of one replica
   * @param gigaflops per second over all replicas, counted as 6·active·tokens for the products and
   *     6·L·T·T·width per sequence for attention
   * @param loss of the last step, nats per token
   */
  public record Result(
      long parameters,
      long activeParameters,
      double tokensPerSecond,
      double stepSeconds,
      double gigaflops,
      double loss) {}

  private record Timing(double seconds, double loss) {}

  /**
   * @param config workers, threads per worker, batch and optimiser; its data are not read
   */
  public StepBenchmark(ModelConfig model, TrainConfig config) {
    this.model = model;
    this.config = config;
  }

  /** Runs {@code steps} timed steps on every replica. */
  public Result run(int steps) {
    int workers = config.workers();
    ExecutorService threads = Executors.newFixedThreadPool(workers);
    try {
      List<Callable<Timing>> replicas = new ArrayList<>();
      for (int worker = 0; worker < workers; worker++) {
        int seed = worker;
        replicas.add(() -> train(steps, seed));
      }
      double seconds = 0;
      double loss = 0;
      for (Future<Timing> timing : threads.invokeAll(replicas)) {
        seconds += timing.get().seconds / workers;
        loss += timing.get().loss / workers;
      }
      return result(seconds, loss);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("the benchmark was interrupted", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("the benchmark failed", e.getCause());
    } finally {
      threads.shutdownNow();
    }
  }

  private Timing train(int steps, int seed) {
    try (Kernels kernels = TrainPlan.kernels(config)) {
      TransformerLm lm = TransformerLm.forTraining(kernels, model, config.batchSequences());
      Parameters.initialize(lm.parameters(), model, kernels, config.seed());
      FrequencySync sync = FrequencySync.of(config.balance(), GlobalFrequencies.none(), 0);
      LocalTrainer trainer =
          new LocalTrainer(
              kernels,
              lm,
              config,
              sync,
              LocalCorrection.of(config.averaging(), kernels, lm.parameters()));
      Batch batch = randomBatch(seed);
      double[] seconds = new double[steps];
      for (int step = 0; step < WARMUP_STEPS + steps; step++) {
        long began = System.nanoTime();
        trainer.step(batch, step, step + 1);
        if (step >= WARMUP_STEPS) {
          seconds[step - WARMUP_STEPS] = (System.nanoTime() - began) / 1e9;
        }
      }
      Arrays.sort(seconds);
      double loss = Arrays.stream(lm.losses()).limit(batch.tokens()).sum() / batch.tokens();
      return new Timing(seconds[steps / 2], loss);
    }
  }

  private Batch randomBatch(int seed) {
    Random random = new Random(seed);
    int tokens = config.batchSequences() * model.sequenceLength();
    int[] inputs = new int[tokens];
    int[] targets = new int[tokens];
    for (int t = 0; t < tokens; t++) {
      inputs[t] = random.nextInt(model.vocabSize());
      targets[t] = random.nextInt(model.vocabSize());
    }
    return new Batch(
        config.batchSequences(), model.sequenceLength(), inputs, targets, new int[tokens]);
  }

  private Result result(double seconds, double loss) {
    long active = Parameters.active(model);
    double length = model.sequenceLength();
    double tokens = config.batchSequences() * length;
    double width = model.numHeads() * model.headDim();
    double attention = 6.0 * model.numLayers() * config.batchSequences() * length * length * width;
    double flops = (6.0 * active * tokens + attention) * config.workers();
    return new Result(
        Parameters.total(model),
        active,
        tokens * config.workers() / seconds,
        seconds,
        flops / seconds / 1e9,
        loss);
  }
}
