package org.metier.jobs;

import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.metier.jobs.config.InvalidConfigException;
import org.metier.jobs.config.Settings;
import org.metier.train.MemoryEstimate;
import org.metier.train.RunDirectory;
import org.metier.train.Training;

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
    Training.Result result;
    try (TrainingWatch watch = new TrainingWatch(context)) {
      result =
          new Training(
                  context.spark(),
                  settings.run().id(),
                  run,
                  settings.engine(),
                  settings.model(),
                  settings.train(),
                  watch)
              .run(!context.fresh());
    }
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
}
