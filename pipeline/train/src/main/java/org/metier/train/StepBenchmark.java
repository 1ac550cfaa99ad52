package org.metier.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Precision;
import org.metier.engine.kernel.profile.KernelProfile;
import org.metier.engine.kernel.profile.MachinePeak;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.prep.Progress;

/**
 * Times whole training steps (forward, balance loss, backward, clipping, AdamW) on random tokens,
 * without Spark: what the engine gives to one machine. Replicas run side by side, one thread or
 * more each, as workers of one executor do. They warm up for a time and not for a number of steps,
 * since the JVM compiles by the clock as much as by the call; then all begin the timed steps
 * together, and none rests before the last has finished its own.
 */
public final class StepBenchmark {
  private static final long PROGRESS_MILLIS = 100;

  private final EngineConfig engine;
  private final ModelConfig model;
  private final TrainConfig config;

  /**
   * What is measured.
   *
   * @param steps timed steps of each replica
   * @param warmupSeconds least time of the steps before them
   * @param profile whether worker 0 is profiled by op
   */
  public record Plan(int steps, double warmupSeconds, boolean profile) {}

  /**
   * Medians over the timed steps.
   *
   * @param tokensPerSecond over all replicas
   * @param stepSeconds of one replica
   * @param gigaflops per second over all replicas, counted as 6·active·tokens for the products and
   *     6·L·T·T·width per sequence for attention; with null experts, by a balanced router
   * @param loss of the last step, nats per token
   * @param expertsPerToken that computed a token in the last step, mean over layers
   * @param allocatedPerStep bytes that all threads of one replica allocate in a timed step
   * @param peakHeap most bytes of the heap in use so far, garbage included
   * @param profile if the plan asks for it
   */
  public record Result(
      long parameters,
      long activeParameters,
      double tokensPerSecond,
      double stepSeconds,
      double gigaflops,
      double loss,
      double expertsPerToken,
      double allocatedPerStep,
      long peakHeap,
      Optional<Profile> profile) {}

  /**
   * Where worker 0 spent its timed steps, while the others ran beside it.
   *
   * @param ops by first call
   * @param steps timed steps
   * @param seconds of these steps together, kernels and everything else
   * @param peak of as many threads as all workers have together
   * @param elementBytes bytes of a number on this backend
   */
  public record Profile(
      List<KernelProfile.Op> ops, int steps, double seconds, MachinePeak peak, int elementBytes) {}

  /**
   * @param config workers, threads per worker, batch and optimiser; its data are not read
   */
  public StepBenchmark(EngineConfig engine, ModelConfig model, TrainConfig config) {
    this.engine = engine;
    this.model = model;
    this.config = ExpertLatencies.completed(engine, model, config);
  }

  /**
   * Runs the benchmark.
   *
   * @param progress told of steps over all replicas
   */
  public Result run(Plan plan, Progress progress) {
    kernels(1).close(); // a backend that is missing shows before anything has begun
    try {
      JvmMemory.resetPeakHeap();
      BenchmarkPhases phases = new BenchmarkPhases(config.workers());
      List<BenchmarkReplica.Timing> timings = timings(plan, phases, progress);
      long peakHeap = JvmMemory.peakHeap();
      Optional<Profile> profile = Optional.empty();
      if (plan.profile()) {
        profile = Optional.of(profile(timings.get(0)));
      }
      return result(timings, phases.allocatedPerStep(), peakHeap, profile);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("the benchmark was interrupted", e);
    }
  }

  private List<BenchmarkReplica.Timing> timings(
      Plan plan, BenchmarkPhases phases, Progress progress) throws InterruptedException {
    ExecutorService threads = Executors.newFixedThreadPool(config.workers());
    Supplier<Kernels> kernels = () -> kernels(config.threadsPerWorker());
    try {
      List<Future<BenchmarkReplica.Timing>> replicas = new ArrayList<>();
      for (int worker = 0; worker < config.workers(); worker++) {
        boolean profiled = plan.profile() && worker == 0;
        var replica =
            new BenchmarkReplica(kernels, engine.activations(), model, config, worker, profiled);
        replicas.add(threads.submit(() -> replica.run(plan, phases)));
      }
      threads.shutdown();
      watch(threads, plan, phases, progress);
      List<BenchmarkReplica.Timing> timings = new ArrayList<>();
      for (Future<BenchmarkReplica.Timing> replica : replicas) {
        timings.add(replica.get());
      }
      return timings;
    } catch (ExecutionException e) {
      // one replica's failure stops the others; theirs are only its consequence
      throw new IllegalStateException("the benchmark failed", phases.failure().orElse(e));
    } finally {
      threads.shutdownNow();
    }
  }

  /** Reports until all replicas have ended. */
  private void watch(ExecutorService threads, Plan plan, BenchmarkPhases phases, Progress progress)
      throws InterruptedException {
    progress.stage("warm-up", 0, "steps");
    while (!threads.awaitTermination(PROGRESS_MILLIS, TimeUnit.MILLISECONDS) && !phases.allWarm()) {
      progress.advance(phases.steps());
    }
    long warm = phases.warmSteps();
    progress.done(warm + " steps");
    progress.stage("timing", (long) plan.steps() * config.workers(), "steps");
    while (!threads.awaitTermination(PROGRESS_MILLIS, TimeUnit.MILLISECONDS)) {
      progress.advance(phases.steps() - warm);
    }
    progress.done((phases.steps() - warm) + " steps");
  }

  private Profile profile(BenchmarkReplica.Timing worker) throws InterruptedException {
    MachinePeak peak =
        MachinePeak.measure(() -> kernels(1), config.workers() * config.threadsPerWorker());
    return new Profile(worker.ops(), worker.steps(), worker.totalSeconds(), peak, elementBytes());
  }

  private Kernels kernels(int threads) {
    return engine.open(threads);
  }

  private int elementBytes() {
    return engine.precision() == Precision.DOUBLE ? Double.BYTES : Float.BYTES;
  }

  private Result result(
      List<BenchmarkReplica.Timing> timings,
      double allocatedPerStep,
      long peakHeap,
      Optional<Profile> profile) {
    double seconds = 0;
    double loss = 0;
    double experts = 0;
    for (BenchmarkReplica.Timing timing : timings) {
      seconds += timing.medianSeconds() / timings.size();
      loss += timing.loss() / timings.size();
      experts += timing.expertsPerToken() / timings.size();
    }
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
        loss,
        experts,
        allocatedPerStep,
        peakHeap,
        profile);
  }
}
