package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Several processes that want the same run, on the local file system. */
class LaunchTest {
  private static final int LEASE_SECONDS = 8;
  private static final int ROUNDS = 60;

  @TempDir Path directory;

  private final List<Process> processes = new ArrayList<>();

  /** One process of its own, and where its words go. */
  private record Launched(Process process, Path out, Path err) {
    int finish() throws InterruptedException {
      assertThat(process.waitFor(900, TimeUnit.SECONDS)).as("ended in time").isTrue();
      return process.exitValue();
    }

    String said() throws IOException {
      return Files.readString(out);
    }

    List<String> errors() throws IOException {
      List<String> lines = new ArrayList<>(Files.readAllLines(err));
      lines.removeIf(line -> line.startsWith("WARNING: Using incubator modules"));
      return lines;
    }
  }

  @AfterEach
  void killAll() {
    processes.forEach(Process::destroyForcibly);
  }

  /**
   * The first launch trains and is suspended after a checkpoint, as a machine may be. A second is
   * refused while the first one's lease lasts, and takes over when it has expired; it finishes to
   * the bits of an undisturbed run. The first wakes up, notices, and changes nothing any more.
   */
  @Test
  @Timeout(1800)
  void oneTrainsTheOtherIsRefusedAndTakesOverWhenTheFirstIsSilent() throws Exception {
    SmallRun.writeCorpus(directory.resolve("corpus"), 150);
    Launched prepare = launch("prepare", "prepared");
    assertThat(prepare.finish()).as(() -> String.valueOf(words(prepare))).isZero();

    Launched first = launch("train", "shared");
    Path run = directory.resolve("shared");
    awaitFile(run.resolve("checkpoints/round-000010"), first);
    Launched second = launch("train", "shared");
    assertThat(second.finish()).as(() -> String.valueOf(words(second))).isEqualTo(6);
    assertThat(second.errors()).hasSize(1);
    assertThat(second.errors().get(0))
        .matches(
            "metier: run.directory: shared: held by train on \\S+ \\(process "
                + first.process().pid()
                + " of \\S+\\), application \\S+ since \\S+Z, last heartbeat \\d+ s ago;"
                + " without one it is free after 8 s");
    assertThat(second.said()).isEmpty();

    signal("STOP", first);
    assertThat(first.process().isAlive()).as("it was stopped in the middle").isTrue();
    assertThat(run.resolve("checkpoints/round-0000" + ROUNDS)).doesNotExist();
    Launched third = launch("train", "shared");
    while (third.finish() == 6) {
      third = launch("train", "shared");
    }
    assertThat(third.process().exitValue()).as(words(third)).isZero();
    assertThat(third.said()).contains("going on after round ", "trained ");

    Map<String, String> finished = sha256(run);
    signal("CONT", first);
    assertThat(first.finish()).isEqualTo(6);
    assertThat(first.errors()).hasSize(1);
    assertThat(first.errors().get(0)).contains("another process has taken the lease over");
    assertThat(sha256(run)).isEqualTo(finished);

    Launched undisturbed = launch("train", "undisturbed");
    assertThat(undisturbed.finish()).isZero();
    assertThat(finished).isEqualTo(sha256(directory.resolve("undisturbed")));

    Launched again = launch("train", "shared");
    assertThat(again.finish()).isZero();
    assertThat(again.said()).matches("train: shared is finished since \\S+Z; nothing to do\\n");
  }

  private Launched launch(String command, String run) throws IOException {
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(flag -> flag.startsWith("--add-"))
        .forEach(line::add);
    line.addAll(List.of("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
    line.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    line.addAll(List.of(command, "--run-id", run, "--run.directory=" + run));
    line.addAll(
        List.of(
            "--run.leaseSeconds=" + LEASE_SECONDS,
            "--prepare.input=corpus",
            "--prepare.output=tokens",
            "--train.localSteps=5",
            "--train.rounds=" + ROUNDS,
            "--train.checkpointEvery=10",
            "--spark.conf.spark.ui.enabled=false"));
    line.addAll(SmallRun.TINY);
    Path out = directory.resolve(processes.size() + ".out");
    Path err = directory.resolve(processes.size() + ".err");
    Process process =
        new ProcessBuilder(line)
            .directory(directory.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    processes.add(process);
    return new Launched(process, out, err);
  }

  private static void awaitFile(Path file, Launched by) throws Exception {
    while (!Files.exists(file)) {
      assertThat(by.process().isAlive()).as(words(by)).isTrue();
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }

  private static String words(Launched launched) {
    try {
      return launched.said() + launched.errors();
    } catch (IOException e) {
      return e.toString();
    }
  }

  private static void signal(String name, Launched launched) throws Exception {
    String pid = String.valueOf(launched.process().pid());
    assertThat(new ProcessBuilder("kill", "-" + name, pid).start().waitFor()).isZero();
  }

  /** By file of the last checkpoint, but for its times. */
  private static Map<String, String> sha256(Path run) throws IOException {
    Path manifest = run.resolve("checkpoints/round-0000" + ROUNDS + "/manifest.json");
    JsonNode files = new ObjectMapper().readTree(manifest.toFile());
    Map<String, String> byName = new TreeMap<>();
    files
        .fields()
        .forEachRemaining(f -> byName.put(f.getKey(), f.getValue().get("sha256").asText()));
    byName.remove("metrics.json");
    return byName;
  }
}
