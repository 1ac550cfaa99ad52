package org.metier.jobs.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileUtil;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The commands on a standalone Spark of a Master and two Workers and on HDFS, all of them processes
 * of their own: submitted, disturbed and killed.
 */
@Tag("cluster")
class ClusterTest {
  private static final int SECONDS = 300;
  private static final int ROUNDS = 4;

  private static Path directory;
  private static Hdfs hdfs;
  private static Standalone spark;
  private static final Map<String, StoredRun> UNDISTURBED = new TreeMap<>();

  @BeforeAll
  static void start() throws IOException {
    Installation installation = Installation.ofThisBuild().withoutNd4j();
    directory = installation.emptied("logs");
    hdfs = Hdfs.start(installation, directory);
    spark = new Standalone(installation, directory, 2, 1, List.of());
    try (var out = hdfs.files().create(new org.apache.hadoop.fs.Path(uri("corpus/a.jsonl")))) {
      out.write(Corpus.jsonLines().getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }
    Program prepare = submit("prepare", "PrepareJob", List.of(), List.of());
    assertThat(prepare.finish(SECONDS)).as(prepare::lastWords).isZero();
    assertThat(prepare.out()).contains("prepared " + uri("tokens"), "high", "low");
  }

  @AfterAll
  static void stop() {
    if (spark != null) {
      spark.close();
    }
    if (hdfs != null) {
      hdfs.close();
    }
  }

  @Test
  void trainsAndAnalysesWithTheFastKernels() throws IOException {
    StoredRun run = undisturbed("round");
    assertThat(run.list("checkpoints")).containsExactly("round-000002", "round-000004");
    List<String> submission = new ArrayList<>(window("round"));
    submission.add("--run.directory=" + run.uri());
    Program analyze = submit("analyze", "AnalyzeJob", List.of(), submission);
    assertThat(analyze.finish(SECONDS)).as(analyze::lastWords).isZero();
    assertThat(run.rows("expert_domain", "SELECT DISTINCT domain FROM %s ORDER BY domain"))
        .containsExactly("high ", "low ");
    assertThat(run.rows("layer_summary", "SELECT count(*) FROM %s")).containsExactly("2 ");
    String executors = spark.executorLogs(analyze);
    assertThat(executors)
        .contains("Running task")
        .doesNotContain("the Vector API is absent", "native BLAS not found");
  }

  /**
   * A task that fails, one that stalls until its speculative copy has overtaken it, and an executor
   * that is killed, each in the middle of a round of its own. Spark runs no speculative copies in
   * the gang-scheduled stages of the window {@code step}.
   */
  @ParameterizedTest
  @CsvSource({"round, true", "step, false", "keep, true"})
  void disturbancesChangeNoBit(String kind, boolean speculation) throws IOException {
    StoredRun undisturbed = undisturbed(kind);
    Path traces = Files.createDirectories(directory.resolve("traces-" + kind));
    String accidents = speculation ? "2=fail,3=stall,4=stall" : "2=fail,4=stall";
    List<String> properties = new ArrayList<>(disturbed(accidents, traces));
    if (speculation) {
      properties.addAll(List.of("spark.speculation=true", "spark.speculation.interval=100ms"));
    }
    StoredRun run = run("disturbed-" + kind);
    Program train = submit("disturbed-" + kind, "TrainJob", properties, train(kind, run));
    kill(train.await("trace of round 4", SECONDS, () -> trace(traces.resolve("round-4"))));
    assertThat(train.finish(SECONDS)).as(train::lastWords).isZero();

    assertThat(train.err()).contains("failed on purpose").containsPattern("Lost executor \\d");
    if (speculation) {
      assertThat(train.err()).containsPattern("Marking task \\d in stage .* as speculatable");
    }
    assertThat(run.sha256(ROUNDS)).isEqualTo(undisturbed.sha256(ROUNDS));
    assertThat(run.expertLoad()).isEqualTo(undisturbed.expertLoad());
    assertThat(run.metrics()).isEqualTo(undisturbed.metrics());
  }

  /**
   * While the driver lives, a second launch is refused. kill -9 loses what came after the last
   * checkpoint, and no more: once the lease on HDFS has expired, another launch goes on.
   */
  @Test
  void aKilledDriverGoesOnToTheSameBitsAndWithOtherWorkersAtTheRightPlace() throws IOException {
    StoredRun undisturbed = undisturbed("round");
    StoredRun run = run("killed");
    Path traces = Files.createDirectories(directory.resolve("traces-killed"));
    Program first = submit("killed", "TrainJob", disturbed("4=stall", traces), train("round", run));
    first.await("trace of round 4", SECONDS, () -> trace(traces.resolve("round-4")));
    Program second = submit("refused", "TrainJob", List.of(), train("round", run));
    assertThat(second.finish(SECONDS)).as(second::lastWords).isEqualTo(6);
    assertThat(second.err())
        .containsPattern(
            "run.directory: "
                + run.uri()
                + ": held by train on \\S+ \\(process \\d+ of \\S+\\), application app-\\S+ since");
    first.kill();
    assertThat(run.list("checkpoints")).contains("round-000002").doesNotContain("round-000004");
    StoredRun other = run("other-workers");
    FileUtil.copy(
        hdfs.files(),
        new org.apache.hadoop.fs.Path(run.uri()),
        hdfs.files(),
        new org.apache.hadoop.fs.Path(other.uri()),
        false,
        new Configuration());
    hdfs.files().delete(new org.apache.hadoop.fs.Path(other.uri(), "lease"), true);

    resume("resumed", run);
    assertThat(run.sha256(ROUNDS)).isEqualTo(undisturbed.sha256(ROUNDS));
    assertThat(run.expertLoad()).isEqualTo(undisturbed.expertLoad());

    resume("resumed-with-3", other, "--train.workers=3");
    long before = 2L * 2 * 5 * 8; // rounds, workers, steps, sequences
    long after = 2L * 3 * 5 * 8;
    assertThat(other.state(ROUNDS).get("position").asLong()).isEqualTo(before + after);
    assertThat(other.expertLoad().subList(0, 2 * 2 * 4))
        .isEqualTo(undisturbed.expertLoad().subList(0, 2 * 2 * 4));
  }

  private static List<String> disturbed(String accidents, Path traces) {
    return List.of(
        "spark.hadoop.fs.hdfs.impl=" + DisturbedHdfs.class.getName(),
        "spark.hadoop." + DisturbedHdfs.TRACES + "=" + traces,
        "spark.hadoop." + DisturbedHdfs.ACCIDENTS + "=" + accidents);
  }

  private static void resume(String name, StoredRun run, String... more) {
    List<String> arguments = new ArrayList<>(train("round", run));
    arguments.addAll(List.of(more));
    Program resumed = submit(name, "TrainJob", List.of(), arguments);
    while (resumed.finish(SECONDS) == 6) { // the killed one's lease lasts for some seconds yet
      resumed = submit(name, "TrainJob", List.of(), arguments);
    }
    assertThat(resumed.finish(SECONDS)).as(resumed.lastWords()).isZero();
    assertThat(resumed.out()).contains("going on after round 2");
  }

  /** A run of this kind to which nothing happens; trained once. */
  private static StoredRun undisturbed(String kind) {
    return UNDISTURBED.computeIfAbsent(
        kind,
        name -> {
          StoredRun run = run("undisturbed-" + name);
          Program train = submit("undisturbed-" + name, "TrainJob", List.of(), train(name, run));
          assertThat(train.finish(SECONDS)).as(train::lastWords).isZero();
          assertThat(train.out()).contains("round 4/4", "trained " + run.uri());
          assertThat(train.err()).doesNotContain("Lost task", "Lost executor");
          return run;
        });
  }

  private static List<String> train(String kind, StoredRun run) {
    List<String> arguments = new ArrayList<>(window(kind));
    arguments.add("--run.directory=" + run.uri());
    arguments.add("--train.rounds=" + ROUNDS);
    return arguments;
  }

  /** {@code keep} is the window {@code round} with all that workers may keep for themselves. */
  private static List<String> window(String kind) {
    return kind.equals("keep")
        ? List.of("--train.optimizer.moments=keep", "--train.averaging.outer=fedspeed")
        : List.of("--train.balance.window=" + kind);
  }

  private static StoredRun run(String name) {
    return new StoredRun(hdfs.files(), uri("runs/" + name), directory);
  }

  private static String uri(String path) {
    return hdfs.uri() + "/" + path;
  }

  private static Program submit(
      String name, String main, List<String> properties, List<String> arguments) {
    List<String> all = new ArrayList<>(List.of(Corpus.settings()));
    all.addAll(List.of("--conf", Installation.preset("cluster.conf"), "--run-id", "t"));
    all.add("--run.leaseSeconds=10");
    all.addAll(List.of("--prepare.input=" + uri("corpus"), "--prepare.output=" + uri("tokens")));
    all.addAll(arguments);
    return spark.submit(name, main, properties, all);
  }

  private static Optional<Long> trace(Path file) {
    try {
      String text = Files.exists(file) ? Files.readString(file) : "";
      return text.endsWith("\n") ? Optional.of(Long.parseLong(text.strip())) : Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** SIGKILL to an executor. */
  private static void kill(long pid) {
    ProcessHandle executor = ProcessHandle.of(pid).orElseThrow();
    assertThat(executor.info().commandLine().orElse("")).contains("CoarseGrainedExecutorBackend");
    assertThat(executor.destroyForcibly()).isTrue();
  }
}
