package org.metier.jobs;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.metier.jobs.config.Settings;
import org.metier.prep.BadDataException;
import org.metier.prep.Preparation;
import org.metier.prep.PrepareConfig;
import org.metier.prep.PrepareReport;

/** {@code metier prepare}: domain-tagged text to token shards. */
public final class PrepareJob implements Job {

  public static void main(String[] args) {
    Main.main(new PrepareJob(), args);
  }

  @Override
  public String name() {
    return "prepare";
  }

  @Override
  public String purpose() {
    return "Turns domain-tagged text into a tokenizer and token shards.";
  }

  @Override
  public List<Claim> claims(Settings settings) {
    return List.of(Claim.onPrepared(settings));
  }

  @Override
  public void run(JobContext context) {
    PrepareConfig config = context.settings().prepare();
    PrepareReport report =
        new Preparation(context.spark(), config, context.progress()).run(context::requireHeld);
    if (report.reused() && context.fresh()) {
      throw new BadDataException(
          "prepare.output: %s is complete already, and --fresh reuses nothing; choose another output or remove it"
              .formatted(config.output()));
    }
    print(context.out(), report, config.output());
  }

  private static void print(PrintStream out, PrepareReport report, String output) {
    out.printf(
        "%s %s: %,d documents, %,d rejected %s%n",
        report.reused() ? "reused" : "prepared",
        output,
        report.documents(),
        report.rejected().values().stream().mapToLong(Long::longValue).sum(),
        report.rejected().isEmpty() ? "" : report.rejected());
    if (!report.rejected().isEmpty()) {
      out.printf(
          "  each of the rejected: jobs/run sql --run %s \"SELECT * FROM rejected\"%n", output);
    }
    Map<String, long[]> byDomain = new TreeMap<>();
    for (PrepareReport.DomainCounts counts : report.domains()) {
      long[] sums = byDomain.computeIfAbsent(counts.domain(), domain -> new long[4]);
      boolean train = counts.split().equals("train");
      sums[0] += counts.documents();
      sums[1] += counts.bytes();
      sums[train ? 2 : 3] += counts.tokens();
    }
    out.printf(
        "  %-14s %10s %9s %13s %15s%n",
        "domain", "documents", "MB", "train tokens", "held-out tokens");
    byDomain.forEach(
        (domain, sums) ->
            out.printf(
                Locale.ROOT,
                "  %-14s %,10d %,9.1f %,13d %,15d%n",
                domain,
                sums[0],
                sums[1] / 1e6,
                sums[2],
                sums[3]));
  }
}
