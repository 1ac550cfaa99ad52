package org.metier.jobs;

import java.io.IOException;
import java.io.PrintStream;
import java.util.List;
import java.util.Optional;
import org.metier.jobs.config.Settings;
import org.metier.prep.read.ArtifactCorpus;

/** {@code metier quickstart}: every stage in turn; those that are finished are reused. */
public final class QuickstartJob implements Job {

  public static void main(String[] args) {
    Main.main(new QuickstartJob(), args);
  }

  @Override
  public String name() {
    return "quickstart";
  }

  @Override
  public String purpose() {
    return "Does everything, from fetching real text to the report.";
  }

  @Override
  public Optional<String> preset() {
    return Optional.of("conf/quickstart.conf");
  }

  @Override
  public List<Claim> claims(Settings settings) {
    return List.of(Claim.onRun(settings), Claim.onPrepared(settings));
  }

  @Override
  public void run(JobContext context) throws IOException {
    long began = System.nanoTime();
    Settings settings = context.settings();
    prepare(context);
    TrainJob.train(context);
    AnalyzeJob.analyze(context, true);
    context.out().println();
    ReportJob.report(context);
    printWhatNext(context.out(), settings, (System.nanoTime() - began) / 1e9);
  }

  /** From sources to token shards; finished work is reused. */
  static void prepare(JobContext context) {
    fetch(context, context.settings());
    new PrepareJob().run(context);
    context.keepOnlyTheRun();
  }

  private static void fetch(JobContext context, Settings settings) {
    List<ArtifactCorpus.DomainFile> files =
        new ArtifactCorpus(settings.corpus(), context.progress()).make();
    long bytes = files.stream().mapToLong(ArtifactCorpus.DomainFile::bytes).sum();
    boolean reused = files.stream().allMatch(ArtifactCorpus.DomainFile::reused);
    context
        .out()
        .printf(
            "%s %s: %.1f MB of text in %d domains%n",
            reused ? "reused" : "fetched",
            settings.corpus().directory(),
            bytes / 1e6,
            files.size());
  }

  private static void printWhatNext(PrintStream out, Settings settings, double seconds) {
    String tables = settings.run().tables();
    out.printf("checkpoints in %s/checkpoints, tables in %s%n", settings.run().directory(), tables);
    out.printf(
        "all of it took %.0f s. To go on, in DuckDB (conf/sql has more, for Spark SQL too):%n%n",
        seconds);
    out.printf(
        "  SELECT domain, layer, expert, round(share, 3) AS share, round(lift, 2) AS lift%n"
            + "  FROM read_parquet('%s/expert_domain/**/*.parquet', hive_partitioning = true)%n"
            + "  WHERE ci_low > 1.5 * share / lift ORDER BY lift DESC LIMIT 10;%n",
        tables);
  }
}
