package org.metier.jobs;

import java.util.Locale;
import org.metier.jobs.config.Settings;
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
  public void run(JobContext context) {
    Settings settings = context.settings();
    TrainConfig train = settings.train();
    StepBenchmark.Result r =
        new StepBenchmark(settings.engine(), settings.model(), train).run(settings.bench().steps());
    context
        .out()
        .println(
            String.format(
                Locale.ROOT,
                "metier %s %d x %d threads: %.1fM params (%.1fM active w/o embedding)"
                    + " %.0f tokens/s %.0f ms/step %.1f GFLOP/s loss %.3f",
                settings.engine().backend().name().toLowerCase(Locale.ROOT),
                train.workers(),
                train.threadsPerWorker(),
                r.parameters() / 1e6,
                r.activeParameters() / 1e6,
                r.tokensPerSecond(),
                r.stepSeconds() * 1e3,
                r.gigaflops(),
                r.loss()));
  }
}
