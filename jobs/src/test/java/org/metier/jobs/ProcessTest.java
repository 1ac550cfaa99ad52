package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.jobs.console.Terminal;
import org.slf4j.LoggerFactory;

/** What only a process of its own can show: exit codes, a quiet console, spark-submit's say. */
class ProcessTest {
  @TempDir Path directory;

  private record Finished(int code, List<String> out, List<String> err) {}

  /** A job that uses Spark, in the frame of the real ones. */
  static final class SparkProbe implements Job {
    public static void main(String[] args) {
      int code = Main.run(List.of(new SparkProbe()), Terminal.detect(System.out), System.err, args);
      System.exit(code);
    }

    @Override
    public String name() {
      return "probe";
    }

    @Override
    public String purpose() {
      return "Counts with Spark.";
    }

    @Override
    public void run(JobContext context) {
      long count = context.spark().range(1000).filter("id % 2 = 0").count();
      LoggerFactory.getLogger("probe").warn("a warning for the log");
      context.out().println(count + " on " + context.spark().sparkContext().master());
    }
  }

  @Test
  void aWrongKeyExitsWithTwoAndOneLine() throws Exception {
    Finished metier = java(Main.class, List.of(), "train", "--train.balance.windw=round");
    assertThat(metier.code()).isEqualTo(2);
    assertThat(metier.out()).isEmpty();
    assertThat(metier.err())
        .containsExactly(
            "metier: command line: train.balance.windw: unknown key;"
                + " did you mean train.balance.window?");
  }

  @Test
  void aMainForSparkSubmitIsItsCommand() throws Exception {
    Finished metier = java(TrainJob.class, List.of(), "--help");
    assertThat(metier.code()).isZero();
    assertThat(metier.out().get(0)).startsWith("Usage: metier train ");
  }

  @Test
  void sparkRunsOnTheConfiguredMasterAndLogsToTheRunDirectoryOnly() throws Exception {
    Finished probe =
        java(
            SparkProbe.class,
            List.of(),
            "probe",
            "--spark.master=local[3]",
            "--spark.conf.spark.ui.enabled=false",
            "--run.directory=" + directory.resolve("run"));
    assertThat(probe.err()).isEmpty();
    assertThat(probe.out()).containsExactly("500 on local[3]");
    assertThat(probe.code()).isZero();
    assertThat(directory.resolve("run/logs/metier.log"))
        .content()
        .contains("WARN probe: a warning for the log");
  }

  @Test
  void whatSparkSubmitHasSetWins() throws Exception {
    Finished probe =
        java(
            SparkProbe.class,
            List.of("-Dspark.master=local[1]", "-Dspark.ui.enabled=false"),
            "probe",
            "--spark.master=local[3]",
            "--run.directory=" + directory.resolve("run"));
    assertThat(probe.out()).containsExactly("500 on local[1]");
    assertThat(probe.code()).isZero();
    // logging is spark-submit's, too
    assertThat(directory.resolve("run/logs")).doesNotExist();
  }

  /** Runs a main with this JVM's classpath and flags; drops the JVM's own incubator warning. */
  private Finished java(Class<?> main, List<String> properties, String... args)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(flag -> flag.startsWith("--add-"))
        .forEach(command::add);
    // started for a moment only: the first compiler's code is good enough
    command.addAll(List.of("-Xmx1g", "-XX:TieredStopAtLevel=1"));
    command.addAll(properties);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(List.of(args));
    Path out = directory.resolve("out");
    Path err = directory.resolve("err");
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    try {
      assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("ended in time").isTrue();
    } finally {
      process.destroyForcibly();
    }
    List<String> errors = new ArrayList<>(Files.readAllLines(err));
    errors.removeIf(line -> line.startsWith("WARNING: Using incubator modules"));
    return new Finished(process.exitValue(), Files.readAllLines(out), errors);
  }
}
