package org.metier.analysis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleBinaryOperator;
import java.util.function.ToDoubleFunction;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * The runs of a matrix side by side: each cell's mean over its seeds with a confidence interval,
 * and its differences from the baseline, seed by seed, since the runs of one seed share initial
 * parameters and data.
 */
public final class Comparison {
  public static final String TABLE = "comparison";
  public static final String DOMAIN_TABLE = "comparison_domain";

  private static final int DIGITS = 3;

  private final Map<String, List<ComparedRun>> cells = new LinkedHashMap<>();
  private final String baseline;

  /**
   * A number of a run and how it is headed.
   *
   * @param digits behind the point
   */
  private record Column(String head, int digits, ToDoubleFunction<ComparedRun> of) {}

  private static final List<Column> COLUMNS =
      List.of(
          new Column("held-out loss", DIGITS, ComparedRun::loss),
          new Column("mutual information, bits", DIGITS, ComparedRun::mutualInformation),
          new Column("highest domain frequency", 2, ComparedRun::highestDomainFrequency),
          new Column("top-k score sum", DIGITS, ComparedRun::scoreSum),
          new Column("MaxVio micro-batch", 2, ComparedRun::maxVioMicroBatch),
          new Column("MaxVio batch", 2, ComparedRun::maxVioBatch),
          new Column("MaxVio held-out", 2, ComparedRun::maxVioHeldOut),
          new Column("dead experts", 0, ComparedRun::deadExperts),
          new Column("ms/step", 1, run -> 1e3 * run.training().secondsPerStep()));

  /**
   * @param runs of all cells, in the order to show; every cell with the same seeds
   * @param baseline cell that the others are compared with
   */
  public Comparison(List<ComparedRun> runs, String baseline) {
    for (ComparedRun run : runs) {
      cells.computeIfAbsent(run.cell(), cell -> new ArrayList<>()).add(run);
    }
    if (!cells.containsKey(baseline)) {
      throw new IllegalArgumentException("baseline must be one of " + cells.keySet());
    }
    this.baseline = baseline;
  }

  Map<String, List<ComparedRun>> cells() {
    return cells;
  }

  String baseline() {
    return baseline;
  }

  /** Columns of both tables, without the partition's {@code run} and {@code step}. */
  public static Map<String, StructType> schemas() {
    return Map.of(TABLE, ComparedRun.SCHEMA, DOMAIN_TABLE, ComparedRun.DOMAIN_SCHEMA);
  }

  /** Writes {@code comparison} and {@code comparison_domain}, a row per run (and domain). */
  public void write(SparkSession spark, String tablesDirectory, String id) {
    List<ComparedRun> runs = cells.values().stream().flatMap(List::stream).toList();
    long step =
        runs.stream()
            .mapToLong(run -> (long) run.training().step()[run.training().step().length - 1])
            .max()
            .orElseThrow();
    TableDirectory directory = new TableDirectory(spark, tablesDirectory);
    directory.write(
        TABLE,
        id,
        step,
        spark.createDataFrame(runs.stream().map(ComparedRun::toRow).toList(), ComparedRun.SCHEMA));
    directory.write(
        DOMAIN_TABLE,
        id,
        step,
        spark.createDataFrame(
            runs.stream().flatMap(run -> run.domainRows().stream()).toList(),
            ComparedRun.DOMAIN_SCHEMA));
  }

  /** Three Markdown tables: the cells, their differences from the baseline, the domains. */
  public String markdown() {
    StringBuilder out = new StringBuilder();
    int seeds = cells.get(baseline).size();
    out.append(
        seeds == 1
            ? "One seed.\n\n"
            : "Mean over %d seeds ± half of its 95 %% confidence interval.\n\n".formatted(seeds));
    cellTable(out);
    if (cells.size() > 1) {
      out.append("\nAgainst `%s`, seed by seed:\n\n".formatted(baseline));
      differenceTable(out);
    }
    out.append("\nHeld-out loss by domain:\n\n");
    domainTable(out);
    return out.toString();
  }

  private void cellTable(StringBuilder out) {
    List<String> head = new ArrayList<>(List.of(""));
    COLUMNS.forEach(column -> head.add(column.head()));
    head(out, head);
    cells.forEach(
        (cell, runs) -> {
          List<String> line = new ArrayList<>(List.of(cell));
          for (Column column : COLUMNS) {
            line.add(spread(runs, column.of()).words(column.digits()));
          }
          line(out, line);
        });
  }

  private void differenceTable(StringBuilder out) {
    head(
        out,
        List.of(
            "",
            "held-out loss",
            "lower in",
            "mutual information",
            "at least twice in",
            "MaxVio batch"));
    for (Difference d : differences()) {
      int seeds = d.loss().length;
      line(
          out,
          List.of(
              d.cell(),
              signed(Spread.of(d.loss())),
              "%d of %d".formatted(d.lower(), seeds),
              times(d.informationRatio()),
              "%d of %d".formatted(d.atLeastTwice(), seeds),
              times(d.maxVioRatio())));
    }
  }

  /**
   * A cell against the baseline, one number per seed.
   *
   * @param loss difference, nats per token; below 0 is better
   * @param informationRatio mutual information over the baseline's
   * @param maxVioRatio MaxVio of global batches over the baseline's
   */
  record Difference(String cell, double[] loss, double[] informationRatio, double[] maxVioRatio) {
    long lower() {
      return Arrays.stream(loss).filter(d -> d < 0).count();
    }

    long atLeastTwice() {
      return Arrays.stream(informationRatio).filter(r -> r >= 2).count();
    }
  }

  /** Of every cell but the baseline. */
  List<Difference> differences() {
    List<Difference> differences = new ArrayList<>();
    cells.forEach(
        (cell, runs) -> {
          if (!cell.equals(baseline)) {
            differences.add(
                new Difference(
                    cell,
                    paired(runs, ComparedRun::loss, (a, b) -> a - b),
                    paired(runs, ComparedRun::mutualInformation, (a, b) -> a / b),
                    paired(runs, ComparedRun::maxVioBatch, (a, b) -> a / b)));
          }
        });
    return differences;
  }

  private double[] paired(
      List<ComparedRun> runs, ToDoubleFunction<ComparedRun> number, DoubleBinaryOperator join) {
    return runs.stream()
        .mapToDouble(
            run ->
                join.applyAsDouble(
                    number.applyAsDouble(run), number.applyAsDouble(baselineOf(run.seed()))))
        .toArray();
  }

  private ComparedRun baselineOf(long seed) {
    return cells.get(baseline).stream()
        .filter(run -> run.seed() == seed)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("baseline has no seed " + seed));
  }

  private void domainTable(StringBuilder out) {
    List<String> domains = cells.get(baseline).get(0).domains();
    List<String> head = new ArrayList<>(List.of(""));
    head.addAll(domains);
    head(out, head);
    cells.forEach(
        (cell, runs) -> {
          List<String> line = new ArrayList<>(List.of(cell));
          for (String domain : domains) {
            line.add(spread(runs, run -> run.loss(domain)).words(DIGITS));
          }
          line(out, line);
        });
  }

  static Spread spread(List<ComparedRun> runs, ToDoubleFunction<ComparedRun> number) {
    return Spread.of(runs.stream().mapToDouble(number).toArray());
  }

  /** "+0.012 ± 0.003" */
  private static String signed(Spread spread) {
    return (spread.mean() < 0 ? "" : "+") + spread.words(DIGITS + 1);
  }

  /** "4.1× (3.8 to 4.4)", the geometric mean and the seeds' range. */
  private static String times(double[] ratios) {
    String mean = String.format(Locale.ROOT, "%.2f×", geometricMean(ratios));
    return ratios.length == 1
        ? mean
        : mean
            + String.format(
                Locale.ROOT,
                " (%.2f to %.2f)",
                Arrays.stream(ratios).min().orElseThrow(),
                Arrays.stream(ratios).max().orElseThrow());
  }

  static double geometricMean(double[] ratios) {
    return Math.exp(Arrays.stream(ratios).map(Math::log).average().orElse(Double.NaN));
  }

  private static void head(StringBuilder out, List<String> cells) {
    line(out, cells);
    out.append("|---".repeat(cells.size())).append("|\n");
  }

  private static void line(StringBuilder out, List<String> cells) {
    out.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }
}
