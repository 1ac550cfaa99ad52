package org.metier.jobs;

import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.metier.analysis.ComparedRun;
import org.metier.analysis.Comparison;
import org.metier.analysis.ComparisonPage;
import org.metier.jobs.config.CompareConfig;
import org.metier.jobs.config.ConfigLayers;
import org.metier.jobs.config.InvalidConfigException;
import org.metier.jobs.config.Settings;
import org.metier.train.RunDirectory;

/**
 * {@code metier compare}: trains and analyses every cell of a matrix with every seed and puts them
 * side by side. A cell is a run of its own under {@code cells/} in this run's directory; one that
 * is finished is reused, one that is not goes on.
 */
public final class CompareJob implements Job {

  public static void main(String[] args) {
    Main.main(new CompareJob(), args);
  }

  @Override
  public String name() {
    return "compare";
  }

  @Override
  public String purpose() {
    return "Trains and analyses a matrix of strategies and seeds, and compares them.";
  }

  @Override
  public List<Claim> claims(Settings settings) {
    Claim run = Claim.onRun(settings);
    return settings.corpus().sources().isEmpty()
        ? List.of(run)
        : List.of(run, Claim.onPrepared(settings));
  }

  /**
   * One run of the matrix.
   *
   * @param layers its whole configuration
   */
  private record CellRun(CompareConfig.Cell cell, long seed, ConfigLayers layers) {
    int workers() {
      return layers.settings().train().workers();
    }
  }

  @Override
  public void run(JobContext context) throws Exception {
    CompareConfig config = context.settings().compare();
    List<CompareConfig.Cell> cells = config.cells();
    List<CellRun> runs = runs(context, cells);
    int slots = context.spark().sparkContext().defaultParallelism();
    checkSlots(runs, slots);
    if (!context.settings().corpus().sources().isEmpty()) {
      QuickstartJob.prepare(context);
    }
    List<ComparedRun> compared = trainAll(context, runs, slots, config.sideBySide());
    publish(context, new Comparison(compared, config.baselineOf(cells)));
  }

  /** Seed by seed every cell's configuration, checked before any is trained. */
  private static List<CellRun> runs(JobContext context, List<CompareConfig.Cell> cells) {
    List<CellRun> runs = new ArrayList<>();
    for (long seed : context.settings().compare().seeds()) {
      for (CompareConfig.Cell cell : cells) {
        String id = cell.name() + "-" + seed;
        List<String> overrides = new ArrayList<>(cell.set());
        overrides.add("run.id=" + id);
        overrides.add("run.directory=" + context.settings().run().directory() + "/cells/" + id);
        overrides.add("train.seed=" + seed);
        try {
          runs.add(new CellRun(cell, seed, context.layers().with(overrides)));
        } catch (InvalidConfigException e) {
          throw new InvalidConfigException("cell " + cell.name() + ": " + e.getMessage());
        }
      }
    }
    return runs;
  }

  private static void checkSlots(List<CellRun> runs, int slots) {
    for (CellRun run : runs) {
      int workers = run.workers();
      if (workers > slots) {
        throw new InvalidConfigException(
            "cell %s: train.workers is %d, Spark has %d slots; set spark.master or train.workers of all"
                .formatted(run.cell().name(), workers, slots));
      }
    }
  }

  /** A cell starts as soon as Spark has slots for all its workers, or all slots if it is alone. */
  private static List<ComparedRun> trainAll(
      JobContext context, List<CellRun> runs, int slots, boolean sideBySide) throws Exception {
    Semaphore free = new Semaphore(slots);
    CompareProgress progress = new CompareProgress(context, rounds(runs), runs.size());
    ExecutorService threads = Executors.newFixedThreadPool(runs.size());
    List<Future<ComparedRun>> results = new ArrayList<>();
    try {
      for (CellRun run : runs) {
        int needed = sideBySide ? run.workers() : slots;
        free.acquire(needed); // here and not in the thread, so that cells start in order
        failFast(results);
        results.add(
            threads.submit(
                () -> {
                  try {
                    return train(context, run, progress);
                  } finally {
                    free.release(needed);
                  }
                }));
      }
      List<ComparedRun> compared = new ArrayList<>();
      for (Future<ComparedRun> result : results) {
        compared.add(get(result));
      }
      progress.done();
      return compared;
    } finally {
      threads.shutdownNow();
    }
  }

  /** No further cell is started after one has failed. */
  private static void failFast(List<Future<ComparedRun>> results) throws Exception {
    for (Future<ComparedRun> result : results) {
      if (result.isDone()) {
        get(result);
      }
    }
  }

  private static ComparedRun get(Future<ComparedRun> result) throws Exception {
    try {
      return result.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof Exception failure ? failure : e;
    }
  }

  private static long rounds(List<CellRun> runs) {
    return runs.stream().mapToLong(run -> run.layers().settings().train().rounds()).sum();
  }

  private static ComparedRun train(JobContext context, CellRun run, CompareProgress progress)
      throws IOException {
    long began = System.nanoTime();
    Settings settings = run.layers().settings();
    RunLog log = RunLog.of(settings.run(), false);
    AtomicInteger rounds = new AtomicInteger();
    Runnable onRound =
        () -> {
          rounds.incrementAndGet();
          progress.round();
        };
    try (PrintStream console = log.console();
        JobContext cell = context.cell(run.layers(), console, onRound)) {
      TrainJob.train(cell);
      AnalyzeJob.Analyzed analyzed = AnalyzeJob.analyze(cell, !cell.fresh());
      ComparedRun compared =
          ComparedRun.of(
              context.spark(),
              run.cell().name(),
              run.seed(),
              run.cell().set(),
              analyzed.tables(),
              cell.runDirectory().tables(),
              settings.run().id());
      int skipped = settings.train().rounds() - rounds.get();
      progress.finished(settings.run().id(), skipped, compared, (System.nanoTime() - began) / 1e9);
      return compared;
    } catch (IOException | RuntimeException e) {
      progress.failed(settings.run().id(), log.consoleFile().toString());
      throw e;
    }
  }

  private static void publish(JobContext context, Comparison comparison) throws IOException {
    Settings settings = context.settings();
    RunDirectory run = context.runDirectory();
    String page = settings.run().directory() + "/comparison.html";
    context.requireHeld();
    comparison.write(context.spark(), run.tables(), settings.run().id());
    ComparisonPage.write(context.spark(), comparison, settings.run().id(), page);
    String markdown = comparison.markdown();
    run.writeText("comparison.md", markdown);
    run.writeText("config.conf", context.resolvedConfig());
    PrintStream out = context.out();
    out.println();
    out.print(markdown);
    out.printf(
        "%npage in %s, the same as Markdown beside it, tables in %s/%s%n",
        page, run.tables(), Comparison.TABLE);
  }
}
