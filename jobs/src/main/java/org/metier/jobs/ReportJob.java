package org.metier.jobs;

import java.util.List;
import java.util.Optional;
import org.metier.analysis.Report;
import org.metier.jobs.config.RunConfig;
import org.metier.jobs.config.Settings;
import org.metier.train.RunDirectory;

/** {@code metier report}: tables to one HTML file. */
public final class ReportJob implements Job {

  public static void main(String[] args) {
    Main.main(new ReportJob(), args);
  }

  @Override
  public String name() {
    return "report";
  }

  @Override
  public String purpose() {
    return "Writes the HTML report of a run from its tables.";
  }

  @Override
  public List<Claim> claims(Settings settings) {
    return List.of(Claim.onRun(settings));
  }

  @Override
  public Optional<Work> work(JobContext context) {
    RunConfig run = context.settings().run();
    return Optional.of(new Work(List.of("run.id"), List.of(run.tables()), List.of(run.report())));
  }

  @Override
  public void run(JobContext context) {
    report(context);
  }

  static String report(JobContext context) {
    RunDirectory run = context.runDirectory();
    String file = context.settings().run().report();
    context.requireHeld();
    Report.write(context.spark(), run.tables(), context.settings().run().id(), file);
    context.out().printf("report in %s%n", file);
    return file;
  }
}
