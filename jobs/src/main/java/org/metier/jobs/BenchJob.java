package org.metier.jobs;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.metier.jobs.config.BenchConfig;
import org.metier.jobs.config.Settings;
import org.metier.jobs.console.ProfileTable;
import org.metier.model.ModelConfig;
import org.metier.train.EngineConfig;
import org.metier.train.ExpertLatencies;
import org.metier.train.StepBenchmark;
import org.metier.train.TrainConfig;

/** {@code metier bench}: how fast this machine trains the configured model, without Spark. */
public final class BenchJob implements Job {

  public static void main(String[] args) {
    Main.main(new BenchJob(), args);
  }

  @Override
  public String name() {
    return "bench";
  }

  @Override
  public String purpose() {
    return "Times training steps of the configured model on random tokens, without Spark.";
  }

  @Override
  public List<Shorthand> shorthands() {
    return List.of(
        new Shorthand("--profile", "bench.profile=true", "print where a step's time goes, by op"));
  }

  @Override
  public void run(JobContext context) {
    Settings settings = context.settings();
    BenchConfig bench = settings.bench();
    StepBenchmark.Plan plan =
        new StepBenchmark.Plan(bench.steps(), bench.warmupSeconds(), bench.profile());
    StepBenchmark benchmark =
        new StepBenchmark(settings.engine(), settings.model(), settings.train());
    StepBenchmark.Result result = benchmark.run(plan, context.progress());
    context.out().println(speed(result, settings.engine(), settings.train()));
    ModelConfig model = settings.model();
    if (model.nullExperts() > 0 || model.capacity().limited()) {
      context.out().println(load(result, model));
    }
    context.out().println(memory(result));
    if (!model.expertWidths().isEmpty()) {
      context
          .out()
          .println(latencies(ExpertLatencies.measure(settings.engine(), model, settings.train())));
    }
    result
        .profile()
        .ifPresent(
            profile ->
                new ProfileTable(profile, settings.train().workers(), result.gigaflops())
                    .lines()
                    .forEach(context.out()::println));
  }

  private static String speed(StepBenchmark.Result r, EngineConfig engine, TrainConfig train) {
    return String.format(
        Locale.ROOT,
        "metier %s %d x %d threads: %.1fM params (%.1fM active w/o embedding)"
            + " %.0f tokens/s %.0f ms/step %.1f GFLOP/s loss %.3f",
        engine.backend().name().toLowerCase(Locale.ROOT),
        train.workers(),
        train.threadsPerWorker(),
        r.parameters() / 1e6,
        r.activeParameters() / 1e6,
        r.tokensPerSecond(),
        r.stepSeconds() * 1e3,
        r.gigaflops(),
        r.loss());
  }

  private static String load(StepBenchmark.Result r, ModelConfig model) {
    return String.format(
        Locale.ROOT,
        "metier routing: %.2f experts per token of %d choices among %d experts and %d nulls",
        r.expertsPerToken(),
        model.topK(),
        model.numExperts(),
        model.nullExperts());
  }

  private static String latencies(double[] ofExperts) {
    return Arrays.stream(ofExperts)
        .mapToObj(latency -> String.format(Locale.ROOT, "%.3f", latency))
        .collect(Collectors.joining(", ", "metier latency of each expert, mean 1: [", "]"));
  }

  private static String memory(StepBenchmark.Result r) {
    return String.format(
        Locale.ROOT,
        "metier memory: %.3f MB allocated per step and worker, heap at most %d of %d MiB in use",
        r.allocatedPerStep() / 1e6,
        r.peakHeap() >> 20,
        Runtime.getRuntime().maxMemory() >> 20);
  }
}
