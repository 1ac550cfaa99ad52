package org.metier.jobs.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * GPUs as Spark schedules them, on a standalone Worker whose discovery script says that it has two.
 * ND4J is the one for processors, so which GPU a task was given is only noted; all before that is
 * as with CUDA. The files are local.
 */
@Tag("cluster")
class GpuTest {
  private static final int SECONDS = 300;
  private static final Pattern NOTE =
      Pattern.compile("round (\\d+): worker (\\d) computes on (cpu|gpu \\d+)");

  /** Spark's word for a stage that asks for more than all do, which has profile 0. */
  private static final Pattern OWN_PROFILE = Pattern.compile("tasks resource profile [1-9]");

  private static Path directory;
  private static Standalone spark;

  @BeforeAll
  static void start() throws IOException {
    Installation installation = Installation.ofThisBuild();
    directory = installation.emptied("gpu-logs");
    Path script = directory.resolve("two-gpus");
    Files.writeString(
        script, "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [\"0\", \"1\"]}'\n");
    assertThat(script.toFile().setExecutable(true)).isTrue();
    spark =
        new Standalone(
            installation,
            directory,
            1,
            2,
            List.of(
                "-Dspark.worker.resource.gpu.amount=2",
                "-Dspark.worker.resource.gpu.discoveryScript=" + script));
    Path corpus = Files.createDirectories(directory.resolve("corpus"));
    Files.writeString(corpus.resolve("a.jsonl"), Corpus.jsonLines());
    Program prepare = run("prepare", "PrepareJob", List.of("spark.executor.cores=1"));
    assertThat(prepare.err()).doesNotContainPattern(OWN_PROFILE);
  }

  @AfterAll
  static void stop() {
    if (spark != null) {
      spark.close();
    }
  }

  /**
   * Two executors with a GPU each. Of all commands with one and the same preset, prepare's tasks
   * have asked for no GPU; train's do, here in a gang, and so do those of its validations and of
   * analyze.
   */
  @Test
  void stagesThatComputeAskForGpus() throws IOException {
    List<String> properties = List.of("spark.executor.cores=1");
    Program train =
        run(
            "stages",
            "TrainJob",
            properties,
            "--train.balance.window=step",
            "--train.rounds=2",
            "--train.validateEvery=1");
    // one for the validations, one for the rounds
    assertThat(train.err()).contains("tasks resource profile 1", "tasks resource profile 2");
    assertTwoGpusInEachRound(2, spark.executorLogs(train));
    Program analyze =
        run("analyze", "AnalyzeJob", properties, "--run.id=stages", directoryOf("stages"));
    assertThat(analyze.err()).containsPattern(OWN_PROFILE);
  }

  /** One executor with both, by Spark's own property for all tasks. */
  @Test
  void twoWorkersInOneExecutorHaveAGpuEach() throws IOException {
    List<String> properties =
        List.of(
            "spark.executor.cores=2",
            "spark.executor.resource.gpu.amount=2",
            "spark.task.resource.gpu.amount=1");
    Program train =
        run("tasks", "TrainJob", properties, "--engine.gpusPerTask=0", "--train.rounds=3");
    assertThat(train.err()).doesNotContainPattern(OWN_PROFILE);
    assertTwoGpusInEachRound(3, spark.executorLogs(train));
  }

  private static void assertTwoGpusInEachRound(int rounds, String logs) {
    Map<Integer, TreeSet<String>> notes = notes(logs);
    assertThat(notes).hasSize(rounds);
    notes.forEach(
        (round, devices) ->
            assertThat(devices).as("round " + round).containsExactly("gpu 0", "gpu 1"));
  }

  /** Devices by round. */
  private static Map<Integer, TreeSet<String>> notes(String logs) {
    Map<Integer, TreeSet<String>> devices = new TreeMap<>();
    for (Matcher note = NOTE.matcher(logs); note.find(); ) {
      devices
          .computeIfAbsent(Integer.parseInt(note.group(1)), round -> new TreeSet<>())
          .add(note.group(3));
    }
    return devices;
  }

  private static String directoryOf(String run) {
    return "--run.directory=" + directory.resolve("run-" + run).toUri();
  }

  private static Program run(
      String name, String main, List<String> properties, String... arguments) {
    List<String> all = new ArrayList<>(List.of(Corpus.settings()));
    all.addAll(List.of("--conf", Installation.preset("gpu.conf"), "--run.id=" + name));
    all.add(directoryOf(name));
    all.add("--prepare.input=" + directory.resolve("corpus").toUri());
    all.add("--prepare.output=" + directory.resolve("tokens").toUri());
    all.addAll(List.of(arguments));
    Program program = spark.submit(name, main, properties, all);
    assertThat(program.finish(SECONDS)).as(program::lastWords).isZero();
    return program;
  }
}
