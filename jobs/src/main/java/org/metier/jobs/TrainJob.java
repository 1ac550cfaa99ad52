package org.metier.jobs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.metier.jobs.config.InvalidConfigException;
import org.metier.jobs.config.Settings;
import org.metier.jobs.console.TrainingProgress;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.train.MemoryEstimate;
import org.metier.train.RoundMetrics;
import org.metier.train.RunDirectory;
import org.metier.train.TrainConfig;
import org.metier.train.Training;
import org.metier.train.Validation;

/** {@code metier train}: token shards to checkpoints and metrics. */
public final class TrainJob implements Job {

  public static void main(String[] args) {
    Main.main(new TrainJob(), args);
  }

  @Override
  public String name() {
    return "train";
  }

  @Override
  public String purpose() {
    return "Trains a mixture-of-experts language model on token shards.";
  }

  @Override
  public void run(JobContext context) throws IOException {
    train(context);
  }

  @Override
  public List<Claim> claims(Settings settings) {
    return List.of(Claim.onRun(settings));
  }

  @Override
  public Optional<Work> work(JobContext context) {
    List<String> sections = List.of("engine", "model", "train");
    List<String> shards = List.of(context.settings().train().data() + "/train");
    return context
        .runDirectory()
        .newestCheckpoint()
        .map(checkpoint -> new Work(sections, shards, List.of(checkpoint.toString())));
  }

  /** Trains, or goes on; a run that is complete is left alone. */
  static Training.Result train(JobContext context) throws IOException {
    Settings settings = context.settings();
    checkHeap(context, settings);
    RunDirectory run = context.runDirectory();
    Training.Result result =
        new Training(
                context.spark(),
                settings.run().id(),
                run,
                settings.engine(),
                settings.model(),
                settings.train(),
                new Listener(context))
            .run(!context.fresh());
    context
        .out()
        .printf("%s %s%n", result.trained() ? "trained" : "reused", readable(result.checkpoint()));
    return result;
  }

  /** A local file as a shell knows it; a file elsewhere with its file system. */
  private static String readable(Path file) {
    URI uri = file.toUri();
    return "file".equals(uri.getScheme()) ? uri.getPath() : uri.toString();
  }

  /** In a local run this process holds everything; better to say so now than after an hour. */
  private static void checkHeap(JobContext context, Settings settings) {
    if (!context.spark().sparkContext().isLocal()) {
      return;
    }
    int slots = context.spark().sparkContext().defaultParallelism();
    int replicas = Math.min(slots, settings.train().workers());
    long needed =
        MemoryEstimate.of(settings.engine(), settings.model(), settings.train())
            .heapBytes(replicas);
    long heap = Runtime.getRuntime().maxMemory();
    if (needed > heap) {
      throw new InvalidConfigException(
          "model: this run needs about %d MiB of heap, the process has %d: set METIER_HEAP=%dm"
              .formatted(needed >> 20, heap >> 20, needed >> 20));
    }
  }

  /** Shows rounds as they finish. */
  private static final class Listener implements Training.TrainingListener {
    private final JobContext context;
    private final TrainingProgress progress;

    Listener(JobContext context) {
      this.context = context;
      this.progress = context.trainingProgress();
    }

    @Override
    public void started(long round, TrainConfig config) {
      ModelConfig model = context.settings().model();
      try {
        // not before: a run that is refused keeps what it was made with
        context.runDirectory().writeText("config.conf", context.resolvedConfig());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      context
          .out()
          .printf(
              "training %.1f M parameters (%.1f M active per token) on %d workers, %s%n",
              Parameters.total(model) / 1e6,
              Parameters.active(model) / 1e6,
              config.workers(),
              round == 0 ? "from the start" : "going on after round " + round);
      progress.begin(config.rounds());
    }

    @Override
    public void validated(Validation.Result validation) {
      progress.validated(validation.loss());
    }

    @Override
    public void notice(String line) {
      progress.notice(line);
    }

    @Override
    public void roundFinished(RoundMetrics m) {
      progress.round((int) m.round(), m.loss(), m.balanceLoss(), m.maxViolation(), m.tokens());
    }
  }
}
