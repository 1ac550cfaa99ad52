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
import org.metier.prep.pack.Mixture;
import org.metier.prep.pack.MixtureConfig;

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
    if (config.mixture().method() != MixtureConfig.Method.NATURAL) {
      printMixture(context.out(), report);
    }
  }

  private static void printMixture(PrintStream out, PrepareReport report) {
    out.printf("  %-14s %15s %15s %15s %8s%n", "mixture", "asked", "got", "there are", "repeats");
    for (Mixture.Share share : report.mixture()) {
      out.printf(
          Locale.ROOT,
          "  %-14s %,15.0f %,15d %,15d %8.2f%n",
          share.domain(),
          share.asked(),
          share.got(),
          share.available(),
          share.repeats());
    }
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
      long[] sums = byDomain.computeIfAbsent(counts.domain(), domain -> new long[5]);
      int column =
          switch (counts.split()) {
            case "train" -> 2;
            case "held-out" -> 3;
            default -> 4;
          };
      sums[0] += counts.documents();
      sums[1] += counts.bytes();
      sums[column] += counts.tokens();
    }
    boolean validation = byDomain.values().stream().anyMatch(sums -> sums[4] > 0);
    out.printf(
        "  %-14s %10s %9s %13s %15s%s%n",
        "domain",
        "documents",
        "MB",
        "train tokens",
        "held-out tokens",
        validation ? " validation tokens" : "");
    byDomain.forEach(
        (domain, sums) ->
            out.printf(
                Locale.ROOT,
                "  %-14s %,10d %,9.1f %,13d %,15d%s%n",
                domain,
                sums[0],
                sums[1] / 1e6,
                sums[2],
                sums[3],
                validation ? String.format(Locale.ROOT, " %,17d", sums[4]) : ""));
  }
}
