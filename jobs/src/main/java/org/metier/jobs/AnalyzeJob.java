package org.metier.jobs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.metier.analysis.Headline;
import org.metier.analysis.Tables;
import org.metier.jobs.config.Settings;
import org.metier.train.Checkpoint;
import org.metier.train.RunDirectory;

/** {@code metier analyze}: a checkpoint and held-out text to specialisation tables. */
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
    return "Runs a checkpoint over held-out text and writes the specialisation tables.";
  }

  @Override
  public List<Claim> claims(Settings settings) {
    return List.of(Claim.onRun(settings));
  }

  @Override
  public Optional<Work> work(JobContext context) {
    Settings settings = context.settings();
    RunDirectory run = context.runDirectory();
    if (run.newestCheckpoint().isEmpty()) {
      return Optional.empty();
    }
    Path path = chosen(run, settings);
    String data = settings.train().data();
    return Optional.of(
        new Work(
            List.of("run.id", "engine", "analyze"),
            List.of(data + "/held-out", data + "/tokenizer.json", path.toString()),
            List.of(run.tables())));
  }

  private static Path chosen(RunDirectory run, Settings settings) {
    try {
      return CheckpointChoice.of(run, settings.run().id(), settings.analyze().checkpoint());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void run(JobContext context) throws IOException {
    analyze(context, false);
  }

  /**
   * The tables of a checkpoint.
   *
   * @param step of the checkpoint
   */
  record Analyzed(long step, Tables tables) {}

  /** Writes and prints the tables; {@code reuse} takes those of this checkpoint that are there. */
  static Analyzed analyze(JobContext context, boolean reuse) throws IOException {
    Settings settings = context.settings();
    RunDirectory run = context.runDirectory();
    String id = settings.run().id();
    Path path = chosen(run, settings);
    Checkpoint.Loaded checkpoint = Checkpoint.read(run, path);
    long step = checkpoint.header().step();
    String stamp = "step %d, %s%n".formatted(step, settings.analyze());
    if (reuse && run.readText(STAMP).equals(Optional.of(stamp))) {
      context.out().printf("reused %s of step %d%n", run.tables(), step);
      return print(context, step, Tables.read(context.spark(), run.tables(), id, step));
    }
    SpecialisationTables writer = new SpecialisationTables(context, checkpoint);
    Tables tables = writer.write();
    writer.compare(run, path);
    run.writeText(STAMP, stamp);
    context.out().printf("analysed %s: tables in %s%n", path.getName(), run.tables());
    return print(context, step, tables);
  }

  private static Analyzed print(JobContext context, long step, Tables tables) {
    context.out().println();
    context.out().print(Headline.of(tables).text());
    return new Analyzed(step, tables);
  }
}
