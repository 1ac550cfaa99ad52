package org.metier.jobs.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * All jobs on a standalone Spark whose processes authenticate each other with a shared secret, and
 * encrypt what they send and what they spill. The files are local.
 */
@Tag("cluster")
class SecuredTest {
  private static final int SECONDS = 300;

  /** Shared by all processes of the cluster. */
  private static final String CLUSTER_SECRET = "planted-cluster-secret-7f31";

  /** Somebody's key for a store, in the preset. */
  private static final String STORE_SECRET = "planted-store-secret-a90c";

  private static final List<String> SECURITY =
      List.of(
          "spark.authenticate=true",
          "spark.authenticate.secret=" + CLUSTER_SECRET,
          "spark.network.crypto.enabled=true",
          "spark.network.crypto.saslFallback=false",
          "spark.io.encryption.enabled=true");

  private static Path directory;
  private static Standalone spark;

  @BeforeAll
  static void start() throws IOException {
    Installation installation = Installation.ofThisBuild().withoutNd4j();
    directory = installation.emptied("secured-logs");
    List<String> daemons = SECURITY.stream().map(property -> "-D" + property).toList();
    spark = new Standalone(installation, directory, 1, 2, daemons, daemons);
    Path corpus = Files.createDirectories(directory.resolve("corpus"));
    Files.writeString(corpus.resolve("a.jsonl"), Corpus.jsonLines());
  }

  @AfterAll
  static void stop() {
    if (spark != null) {
      spark.close();
    }
  }

  /** In the window {@code step} workers exchange counts with the driver on a connection of ours. */
  @Test
  void allJobsRunAndNoSecretIsWrittenAnywhere() throws IOException {
    run("PrepareJob");
    Program train = run("TrainJob", "--train.balance.window=step", "--train.rounds=2");
    assertThat(train.err()).contains("authentication enabled");
    assertThat(spark.executorLogs(train)).contains("authentication enabled");
    run("AnalyzeJob");
    run("ReportJob");
    assertThat(directory.resolve("run/report.html")).exists();
    assertThat(directory.resolve("run/config.conf"))
        .content()
        .contains("key=\"*********(redacted)\"");
    assertThat(filesWith(CLUSTER_SECRET)).isEmpty();
    assertThat(filesWith(STORE_SECRET)).isEmpty();
  }

  /** A program that does not know the cluster's secret gets nowhere: authentication is on. */
  @Test
  void whoDoesNotKnowTheSecretIsRefused() {
    List<String> others =
        SECURITY.stream().map(p -> p.replace(CLUSTER_SECRET, "a-wrong-one")).toList();
    Program stranger =
        spark.submit("stranger", "PrepareJob", others, arguments("stranger", List.of()));
    stranger.awaitInErr("Failed to connect to master", SECONDS);
    stranger.kill();
    assertThat(directory.resolve("tokens-stranger")).doesNotExist();
  }

  private static Program run(String main, String... more) {
    Program program =
        spark.submit("secured-" + main, main, SECURITY, arguments("secured", List.of(more)));
    assertThat(program.finish(SECONDS)).as(program::lastWords).isZero();
    return program;
  }

  private static List<String> arguments(String kind, List<String> more) {
    List<String> all = new ArrayList<>(List.of(Corpus.settings()));
    all.addAll(List.of("--conf", Installation.preset("cluster.conf"), "--run-id=secured"));
    all.add("--run.directory=" + directory.resolve("run").toUri());
    all.add("--prepare.input=" + directory.resolve("corpus").toUri());
    String tokens = kind.equals("secured") ? "tokens" : "tokens-" + kind;
    all.add("--prepare.output=" + directory.resolve(tokens).toUri());
    all.add("--spark.conf.spark.hadoop.fs.s3a.secret.key=" + STORE_SECRET);
    all.addAll(more);
    return all;
  }

  /** Of all that the run, the daemons, the driver and the executors have written. */
  private static List<Path> filesWith(String secret) throws IOException {
    byte[] wanted = secret.getBytes(StandardCharsets.UTF_8);
    try (Stream<Path> files = Files.walk(directory)) {
      List<Path> found = new ArrayList<>();
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        if (!file.toString().endsWith(".jar") && contains(Files.readAllBytes(file), wanted)) {
          found.add(file);
        }
      }
      return found;
    }
  }

  private static boolean contains(byte[] bytes, byte[] wanted) {
    // Latin 1 keeps every byte
    return new String(bytes, StandardCharsets.ISO_8859_1)
        .contains(new String(wanted, StandardCharsets.ISO_8859_1));
  }
}
