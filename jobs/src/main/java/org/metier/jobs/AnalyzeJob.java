package org.metier.jobs;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.metier.analysis.Analysis;
import org.metier.analysis.AnalyzeConfig;
import org.metier.analysis.Headline;
import org.metier.analysis.Tables;
import org.metier.jobs.config.Settings;
import org.metier.jobs.console.ProgressBar;
import org.metier.prep.BadDataException;
import org.metier.train.Checkpoint;
import org.metier.train.Evaluation;
import org.metier.train.RunDirectory;

/** {@code metier analyze}: the newest checkpoint and held-out text to specialisation tables. */
public final class AnalyzeJob implements Job {
  /** Says of which checkpoint and with which settings the tables are; written after them. */
  private static final String STAMP = "analyzed.txt";

  public static void main(String[] args) {
    Main.main(new AnalyzeJob(), args);
  }

  @Override
  public String name() {
    return "analyze";
  }

  @Override
  public String purpose() {
    return "Runs the newest checkpoint over held-out text and writes the specialisation tables.";
  }

  @Override
  public List<Claim> claims(Settings settings) {
    return List.of(Claim.onRun(settings));
  }

  @Override
  public Optional<Work> work(JobContext context) {
    RunDirectory run = context.runDirectory();
    String data = context.settings().train().data();
    return run.newestCheckpoint()
        .map(
            checkpoint ->
                new Work(
                    List.of("run.id", "engine", "analyze"),
                    List.of(data + "/held-out", data + "/tokenizer.json", checkpoint.toString()),
                    List.of(run.tables())));
  }

  @Override
  public void run(JobContext context) throws IOException {
    analyze(context, false);
  }

  /** Writes and prints the tables; {@code reuse} takes those of this checkpoint that are there. */
  static void analyze(JobContext context, boolean reuse) throws IOException {
    Settings settings = context.settings();
    RunDirectory run = context.runDirectory();
    Path newest =
        run.newestCheckpoint()
            .orElseThrow(
                () ->
                    new BadDataException(
                        "%s: the run %s has no checkpoint; metier train makes one"
                            .formatted(run.root(), settings.run().id())));
    Checkpoint.Loaded checkpoint = Checkpoint.read(run, newest);
    long step = checkpoint.header().step();
    String id = settings.run().id();
    String stamp = "step %d, %s%n".formatted(step, settings.analyze());
    if (reuse && run.readText(STAMP).equals(Optional.of(stamp))) {
      context.out().printf("reused %s of step %d%n", run.tables(), step);
      print(context, Tables.read(context.spark(), run.tables(), id, step));
      return;
    }
    Tables tables = evaluate(context, checkpoint);
    context.requireHeld();
    tables.write(run.tables(), id, step);
    run.writeText(STAMP, stamp);
    context.out().printf("analysed %s: tables in %s%n", newest.getName(), run.tables());
    print(context, tables);
  }

  private static Tables evaluate(JobContext context, Checkpoint.Loaded checkpoint) {
    Settings settings = context.settings();
    AnalyzeConfig config = settings.analyze();
    ProgressBar progress = context.progress();
    progress.stage("evaluate held-out text", config.maxSequences(), "sequences");
    try (Evaluation evaluation =
        new Evaluation(
            context.spark(),
            settings.train().data(),
            checkpoint,
            settings.engine(),
            settings.train(),
            config.maxSequences(),
            progress::advance)) {
      progress.done("evaluated held-out text");
      return new Analysis(context.spark(), config)
          .tables(
              evaluation.sequenceRouting(), evaluation.sequenceLoss(), evaluation.tokenCounts());
    }
  }

  private static void print(JobContext context, Tables tables) {
    context.out().println();
    context.out().print(Headline.of(tables).text());
  }
}
