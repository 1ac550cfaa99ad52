package org.metier.train;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.profile.KernelProfile;
import org.metier.model.ActivationPolicy;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.TransformerLm;

/** One worker of a {@link StepBenchmark}: a replica that trains on one batch of random tokens. */
final class BenchmarkReplica {
  private static final int FEWEST_WARMUP_STEPS = 3;

  private final Supplier<Kernels> open;
  private final ActivationPolicy activations;
  private final ModelConfig model;
  private final TrainConfig config;
  private final int worker;
  private final boolean profiled;

  /**
   * What one replica measured.
   *
   * @param seconds of each timed step, shortest first
   * @param loss of the last step, nats per token
   * @param ops of the timed steps; empty without a profile
   * @param expertsPerToken in the last step, mean over layers
   */
  record Timing(double[] seconds, double loss, List<KernelProfile.Op> ops, double expertsPerToken) {
    int steps() {
      return seconds.length;
    }

    double medianSeconds() {
      return seconds[seconds.length / 2];
    }

    double totalSeconds() {
      return Arrays.stream(seconds).sum();
    }
  }

  /**
   * @param open opens the replica's kernels
   * @param worker number of the replica; decides its tokens
   * @param profiled whether its ops are timed, too
   */
  BenchmarkReplica(
      Supplier<Kernels> open,
      ActivationPolicy activations,
      ModelConfig model,
      TrainConfig config,
      int worker,
      boolean profiled) {
    this.open = open;
    this.activations = activations;
    this.model = model;
    this.config = config;
    this.worker = worker;
    this.profiled = profiled;
  }

  Timing run(StepBenchmark.Plan plan, BenchmarkPhases phases) {
    try (Kernels kernels = open.get()) {
      Optional<KernelProfile> profile =
          profiled ? Optional.of(new KernelProfile(kernels)) : Optional.empty();
      return train(plan, phases, profile.map(KernelProfile::kernels).orElse(kernels), profile);
    } catch (Throwable reason) { // the others would wait for this replica
      phases.failed(reason);
      throw reason;
    }
  }

  private Timing train(
      StepBenchmark.Plan plan,
      BenchmarkPhases phases,
      Kernels kernels,
      Optional<KernelProfile> profile) {
    TransformerLm lm =
        TransformerLm.forTraining(kernels, model, config.batchSequences(), activations);
    Parameters.initialize(lm.parameters(), model, kernels, config.seed());
    FrequencySync sync =
        FrequencySync.of(config, 0, GlobalFrequencies.none(), 0, CountExchange.alone());
    LocalCorrection correction = LocalCorrection.of(config.averaging(), kernels, lm.parameters());
    correction.begin();
    LocalTrainer trainer = new LocalTrainer(kernels, lm, config, sync, correction);
    Batch batch = randomBatch();

    long step = warmUp(plan, phases, trainer, batch);
    profile.ifPresent(KernelProfile::reset);
    double[] seconds = new double[plan.steps()];
    for (int i = 0; i < seconds.length; i++) {
      long began = System.nanoTime();
      trainer.step(List.of(batch), step, step + 1);
      seconds[i] = (System.nanoTime() - began) / 1e9;
      step++;
      phases.stepDone();
    }
    double loss = Arrays.stream(lm.losses()).limit(batch.tokens()).sum() / batch.tokens();
    List<KernelProfile.Op> ops = profile.map(KernelProfile::ops).orElse(List.of());
    phases.timed();
    while (!phases.allTimed()) {
      trainer.step(List.of(batch), step, step + 1);
      step++;
      phases.stepDone();
    }
    Arrays.sort(seconds);
    double rows = 0;
    for (int l = 0; l < model.numLayers(); l++) {
      rows += lm.routing(l).rows();
    }
    return new Timing(seconds, loss, ops, rows / model.numLayers() / batch.tokens());
  }

  /** Steps until all replicas are warm; returns how many. */
  private static long warmUp(
      StepBenchmark.Plan plan, BenchmarkPhases phases, LocalTrainer trainer, Batch batch) {
    long began = System.nanoTime();
    long step = 0;
    boolean warm = false;
    while (!phases.allWarm()) {
      trainer.step(List.of(batch), step, step + 1);
      step++;
      phases.stepDone();
      boolean longEnough = (System.nanoTime() - began) / 1e9 >= plan.warmupSeconds();
      if (!warm && longEnough && step >= FEWEST_WARMUP_STEPS) {
        phases.warm();
        warm = true;
      }
    }
    return step;
  }

  private Batch randomBatch() {
    Random random = new Random(worker);
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
}
