package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.jobs.console.Terminal;
import org.slf4j.LoggerFactory;

/** What only a process of its own can show: exit codes, a quiet console, spark-submit's say. */
class ProcessTest {
  private static final List<String> SMALL_BENCH =
      List.of(
          "bench",
          "--prepare.vocabSize=300",
          "--prepare.sequenceLength=16",
          "--model.hiddenSize=16",
          "--model.numLayers=1",
          "--model.expertSize=16",
          "--train.batchSequences=1",
          "--bench.warmupSeconds=0.1",
          "--bench.steps=1");

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

  /** The layout for spark-submit: every line of Spark's and ours is one object. */
  @Test
  void logsInJsonAreOneObjectALine() throws Exception {
    Path layout = Path.of("../conf/spark/log4j2-json.properties").toAbsolutePath().normalize();
    Finished probe =
        java(
            SparkProbe.class,
            List.of(
                "-Dspark.master=local[1]",
                "-Dspark.ui.enabled=false",
                "-Dmetier.run.id=r",
                "-Dlog4j2.configurationFile=file:" + layout),
            "probe",
            "--run.directory=" + directory.resolve("run"));
    assertThat(probe.code()).isZero();
    List<String> loggers = new ArrayList<>();
    for (String line : probe.err()) {
      JsonNode object = new ObjectMapper().readTree(line);
      assertThat(object.path("run").asText()).as(line).isEqualTo("r");
      loggers.add(object.path("logger").asText());
    }
    assertThat(loggers).contains("probe", "org.apache.spark.SparkContext");
  }

  /** jobs/run says so where it goes through spark-submit, whose own default is local[*]. */
  @Test
  void aSparkSubmitOfJobsRunTakesThePresetsMasterAndLog() throws Exception {
    Finished probe =
        java(
            SparkProbe.class,
            List.of(
                "-Dspark.master=local[1]",
                "-Dspark.ui.enabled=false",
                "-Dmetier.master=preset",
                "-Dmetier.home=" + directory),
            "probe",
            "--spark.master=local[3]",
            "--run.directory=" + directory.resolve("run"));
    assertThat(probe.err()).isEmpty();
    assertThat(probe.out()).containsExactly("500 on local[3]");
    assertThat(probe.code()).isZero();
    assertThat(directory.resolve("run/logs/metier.log"))
        .content()
        .contains("WARN probe: a warning for the log");
  }

  /** A whole step of a small model runs on the stand-ins, and the console says once what to add. */
  @Test
  void withoutTheVectorApiOneWarningSaysWhatToAdd() throws Exception {
    Finished bench = java(List.of(), classPath(entry -> true), Main.class, List.of(), SMALL_BENCH);
    assertThat(bench.code()).isZero();
    assertThat(bench.out()).anyMatch(line -> line.startsWith("metier cpu 2 x 1 threads"));
    assertThat(bench.err())
        .containsExactly(
            "metier: the Vector API is absent: loops run in plain Java, several times slower;"
                + " add --add-modules=jdk.incubator.vector to the JVM's options");
  }

  @Test
  void withoutNativeBlasOneWarningSaysWhatToAdd() throws Exception {
    String classPath = classPath(entry -> !entry.contains("openblas"));
    Finished bench = java(moduleFlags(), classPath, Main.class, List.of(), SMALL_BENCH);
    assertThat(bench.code()).isZero();
    assertThat(bench.out()).anyMatch(line -> line.startsWith("metier cpu 2 x 1 threads"));
    assertThat(bench.err()).hasSize(1);
    assertThat(bench.err().get(0))
        .startsWith("metier: native BLAS not found (")
        .contains("add org.bytedeco:openblas and org.bytedeco:javacpp");
  }

  @Test
  void withoutNd4jItsBackendIsOneLine() throws Exception {
    String classPath = classPath(entry -> !entry.contains("nd4j-"));
    List<String> bench = new ArrayList<>(SMALL_BENCH);
    bench.add("--engine.backend=nd4j");
    Finished nd4j = java(moduleFlags(), classPath, Main.class, List.of(), bench);
    assertThat(nd4j.code()).isEqualTo(2);
    assertThat(nd4j.out()).isEmpty();
    assertThat(nd4j.err()).hasSize(1);
    assertThat(nd4j.err().get(0)).contains("backend nd4j: ", "add org.nd4j:nd4j-native");
  }

  /**
   * The CPU backend reads no class of ND4J's: what it costs is only paid by those who ask for it.
   */
  @Test
  void theCpuBackendLoadsNoNd4j() throws Exception {
    Path loaded = directory.resolve("loaded");
    List<String> flags = new ArrayList<>(moduleFlags());
    flags.add("-Xlog:class+load:file=" + loaded);
    Finished bench = java(flags, classPath(entry -> true), Main.class, List.of(), SMALL_BENCH);
    assertThat(bench.code()).isZero();
    assertThat(loaded).content().contains("org.metier.engine.kernel.cpu.CpuKernels");
    assertThat(loaded).content().doesNotContain("org.nd4j", "engine.kernel.nd4j");
  }

  private Finished java(Class<?> main, List<String> properties, String... args)
      throws IOException, InterruptedException {
    return java(moduleFlags(), classPath(entry -> true), main, properties, List.of(args));
  }

  /** This JVM's flags that add or open modules. */
  private static List<String> moduleFlags() {
    return ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(flag -> flag.startsWith("--add-"))
        .toList();
  }

  /** This JVM's class path, or what is left of it; asked by file name. */
  private static String classPath(Predicate<String> keep) {
    return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
        .filter(entry -> keep.test(Path.of(entry).getFileName().toString()))
        .collect(Collectors.joining(File.pathSeparator));
  }

  /** Runs a main; drops the JVM's own warning of incubator modules. */
  private Finished java(
      List<String> flags,
      String classPath,
      Class<?> main,
      List<String> properties,
      List<String> args)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags);
    // started for a moment only: the first compiler's code is good enough
    command.addAll(List.of("-Xmx1g", "-XX:TieredStopAtLevel=1"));
    command.addAll(properties);
    command.addAll(List.of("-cp", classPath, main.getName()));
    command.addAll(args);
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
