package org.metier.jobs;

import java.util.ArrayList;
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
    List<String> tables = new ArrayList<>(List.of(run.tables()));
    context.settings().report().beside().forEach(other -> tables.add(other + "/tables"));
    return Optional.of(new Work(List.of("run.id", "report"), tables, List.of(run.report())));
  }

  @Override
  public void run(JobContext context) {
    report(context);
  }

  static String report(JobContext context) {
    RunDirectory run = context.runDirectory();
    String file = context.settings().run().report();
    List<Report.Source> sources = new ArrayList<>();
    sources.add(new Report.Source(run.tables(), context.settings().run().id()));
    for (String other : context.settings().report().beside()) {
      sources.add(Report.Source.only(context.spark(), other + "/tables"));
    }
    context.requireHeld();
    List<String> written = Report.write(context.spark(), sources, file);
    context
        .out()
        .printf("report in %s, charts beside it: %d PNG files%n", file, written.size() - 1);
    return file;
  }
}
