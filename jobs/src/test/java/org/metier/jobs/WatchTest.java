package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.metier.jobs.config.RunConfig;
import org.metier.jobs.console.Terminal;
import org.metier.jobs.watch.RunStatus;

/** What one sees of a run while it goes on, and of one that has ended. */
class WatchTest {
  private static final int ROUNDS = 30;

  @TempDir static Path directory;

  /** How a command ended and what it said. */
  private record Ended(int code, String out, String err) {}

  @BeforeAll
  static void prepare() throws IOException {
    SmallRun.writeCorpus(directory.resolve("corpus"), 150);
    // as a user includes it
    Files.copy(Path.of("../conf/spark/prometheus.conf"), directory.resolve("prometheus.conf"));
    Files.writeString(directory.resolve("mine.conf"), "include \"prometheus.conf\"\n");
    Ended prepared = run("prepare", "prepared");
    assertThat(prepared.code()).as(prepared.err()).isZero();
  }

  @Test
  @Timeout(1800)
  void aRunCanBeWatchedInPrometheusTheUiItsLogAndByStatus() throws Exception {
    int port = freePort();
    CompletableFuture<Ended> training =
        CompletableFuture.supplyAsync(
            () ->
                run(
                    "train",
                    "watched",
                    "--conf=" + directory.resolve("mine.conf"),
                    "--run.logFormat=json",
                    "--run.leaseSeconds=2",
                    "--train.rounds=" + ROUNDS,
                    "--train.validateEvery=2",
                    "--spark.conf.spark.ui.port=" + port));
    String page = awaitMetrics(port, training);
    assertThat(value(page, "metier_loss")).isBetween(1.0, 7.0); // ln 300 = 5.7 at the start
    assertThat(value(page, "metier_rounds")).isEqualTo(ROUNDS);
    assertThat(value(page, "metier_tokensPerSecond")).isPositive();
    assertThat(value(page, "metier_validationLoss_low")).isBetween(1.0, 7.0);

    RunStatus.Look look = status("watched").look(System.currentTimeMillis());
    // come with the next heartbeat
    while (!look.lines().contains("validation ") || !look.lines().contains(", application ")) {
      assertThat(training.isDone()).as(look.lines()).isFalse();
      TimeUnit.MILLISECONDS.sleep(50);
      look = status("watched").look(System.currentTimeMillis());
    }
    assertThat(look.state()).isEqualTo(RunStatus.State.RUNNING);
    assertThat(look.lines())
        .contains("running: train on ", ", application local-", "last heartbeat 0:0")
        .containsPattern("progress +round \\d+/30  \\[#*-*\\]  \\d+:\\d\\d left")
        .containsPattern("loss +\\d\\.\\d{3}  validation \\d\\.\\d{3}  \\S+ tok/s")
        .contains("saved ");
    RunStatus.Look later = status("watched").look(System.currentTimeMillis() + 600_000);
    assertThat(later.state()).isEqualTo(RunStatus.State.STALLED);
    assertThat(later.lines()).contains("no sign of life for 10:0", "start it again to go on");

    JsonNode jobs = jobs(port);
    assertThat(jobs)
        .anySatisfy(
            job -> {
              assertThat(job.path("description").asText()).matches("metier round \\d+/30");
              assertThat(job.path("jobGroup").asText()).isEqualTo("metier train watched");
            });

    Ended trained = training.get(900, TimeUnit.SECONDS);
    assertThat(trained.code()).as(trained.err()).isZero();
    Ended status = run("status", "watched");
    assertThat(status.out())
        .containsPattern("state +finished: train on .* ended well at \\S+Z")
        .containsPattern("progress +round 30/30  \\[#{20}\\]")
        .containsPattern("saved +round-000030, 0:\\d\\d ago; best by validation round-0000");
    assertRoundsAreLogged(directory.resolve("watched/logs/metier.log"));
  }

  /** Every line is one JSON object with the run's id; each round has left its numbers. */
  private static void assertRoundsAreLogged(Path log) throws IOException {
    List<Integer> rounds = new ArrayList<>();
    for (String line : Files.readAllLines(log)) {
      JsonNode object = new ObjectMapper().readTree(line);
      assertThat(object.path("run").asText()).as(line).isEqualTo("watched");
      assertThat(object.path("time").asText()).matches("\\d{4}-\\d\\d-\\d\\dT\\S+Z");
      if (object.path("event").path("name").asText().equals("round")) {
        assertThat(object.path("event").path("loss").asDouble()).isBetween(1.0, 7.0);
        rounds.add(object.path("round").asInt());
      }
    }
    assertThat(rounds).hasSize(ROUNDS).isSorted().startsWith(1).endsWith(ROUNDS);
  }

  @Test
  void statusSaysHowAndWhyALaunchFailed() throws IOException {
    Ended train =
        run(
            "train",
            "diverged",
            "--train.optimizer.learningRate=1e30",
            "--train.optimizer.warmupSteps=0");
    assertThat(train.code()).isEqualTo(5);
    RunStatus.Look look = status("diverged").look(System.currentTimeMillis());
    assertThat(look.state()).isEqualTo(RunStatus.State.FAILED);
    assertThat(look.lines())
        .contains("failed: train on ", " ended with exit code 5 at ", "also when the round was run")
        .contains("no checkpoint yet");
  }

  @Test
  void aRunThatDoesNotExistIsOneLine() {
    Ended status = run("status", "nowhere");
    assertThat(status.code()).isEqualTo(3);
    assertThat(status.err()).contains("nowhere: there is no such run").hasLineCount(1);
  }

  /** RUN is an id, or a directory if there is a slash. */
  @Test
  void statusTakesADirectory() throws IOException {
    Files.createDirectories(directory.resolve("untouched"));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Terminal terminal = new Terminal(new PrintStream(out, true), false, 80);
    int code = Main.run(terminal, System.err, "status", directory.resolve("untouched") + "/");
    assertThat(code).isZero();
    assertThat(out.toString(StandardCharsets.UTF_8))
        .contains("run       untouched in " + directory.resolve("untouched"), "nobody has held");
  }

  private static RunStatus status(String run) {
    RunConfig config =
        new RunConfig(run, directory.resolve(run).toString(), RunConfig.LogFormat.TEXT, 60);
    return new RunStatus(config, new Configuration());
  }

  private static String awaitMetrics(int port, CompletableFuture<Ended> training)
      throws InterruptedException {
    while (true) {
      assertThat(training.isDone()).as(() -> "ended early: " + training.join()).isFalse();
      try (InputStream in =
          URI.create("http://127.0.0.1:" + port + "/metrics/prometheus").toURL().openStream()) {
        String page = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        if (page.contains("metier_validationLoss_low")) {
          return page;
        }
      } catch (IOException e) {
        // Spark is not there yet
      }
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }

  /** Of a gauge: {@code metrics_metier_driver_metier_loss_Value{type="gauges"} 5.6}. */
  private static double value(String page, String name) {
    return page.lines()
        .filter(line -> line.startsWith("metrics_metier_driver_" + name + "_Value"))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .findFirst()
        .orElseThrow(() -> new AssertionError(name + " is not in\n" + page));
  }

  private static JsonNode jobs(int port) throws IOException {
    String api = "http://127.0.0.1:" + port + "/api/v1/applications";
    ObjectMapper json = new ObjectMapper();
    String id = json.readTree(URI.create(api).toURL()).get(0).path("id").asText();
    return json.readTree(URI.create(api + "/" + id + "/jobs").toURL());
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  private static Ended run(String command, String run, String... more) {
    List<String> args = new ArrayList<>(List.of(command, "--run-id=" + run));
    args.addAll(
        List.of(
            "--run.directory=" + directory.resolve(run),
            "--prepare.input=" + directory.resolve("corpus"),
            "--prepare.output=" + directory.resolve("tokens"),
            "--train.localSteps=5",
            "--train.validationSequences=20"));
    args.addAll(SmallRun.TINY);
    if (List.of(more).stream().noneMatch(option -> option.startsWith("--conf"))) {
      args.add("--spark.conf.spark.ui.enabled=false");
    }
    args.addAll(List.of(more));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Terminal terminal = new Terminal(new PrintStream(out, true), false, 120);
    int code = Main.run(terminal, new PrintStream(err, true), args.toArray(String[]::new));
    return new Ended(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }
}
