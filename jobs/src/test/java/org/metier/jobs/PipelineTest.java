package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands in a row on a small corpus. */
class PipelineTest {
  @TempDir Path own;

  private SmallRun small;

  @BeforeEach
  void copy() throws IOException {
    small = SmallRun.copyOfTrained(own);
  }

  @Test
  void theCommandsInARowLeaveTablesReportAndWords() throws IOException {
    assertThat(Files.readString(SmallRun.trained().resolve("console")))
        .contains("prepared ", "training ", "round 4/4", "domain ", "high", "low", "report in");
    for (String table :
        List.of("train_metrics", "expert_domain", "expert_load", "layer_summary", "domain_loss")) {
      assertThat(SmallRun.trained().resolve("run/tables/" + table + "/run=t")).isDirectory();
    }
    assertThat(Files.readString(SmallRun.trained().resolve("run/report.html")))
        .contains("<html", "high");
    assertThat(SmallRun.trained().resolve("run/checkpoints/round-000004/model.safetensors"))
        .exists();
    assertThat(Files.readString(SmallRun.trained().resolve("run/config.conf")))
        .contains("numExperts");
  }

  @Test
  void finishedWorkIsNotDoneAgain() throws IOException {
    TreeMap<String, Long> before = small.files();
    for (String command : List.of("train", "analyze", "report")) {
      // a copy has other paths, so the job itself finds out
      small.succeed(command);
      assertThat(small.out()).doesNotContain("round 1/4");
      small.forget();
      small.succeed(command);
      assertThat(small.out())
          .startsWith(command + ": " + own.resolve("run") + " is finished since ")
          .endsWith("nothing to do\n")
          .hasLineCount(1);
    }
    assertThat(small.files().keySet()).isEqualTo(before.keySet());
    String input = "--prepare.input=" + SmallRun.trained().resolve("corpus");
    small.succeed("prepare", input);
    assertThat(small.out()).contains("reused ");
  }

  @Test
  void freshReusesNothing() throws IOException {
    small.fail(3, "has a checkpoint (round-000004) already, and --fresh", "train", "--fresh");
    String input = "--prepare.input=" + SmallRun.trained().resolve("corpus");
    small.fail(3, "is complete already, and --fresh reuses nothing", "prepare", input, "--fresh");
    small.succeed("report", "--fresh");
    assertThat(small.out()).contains("report in ");
  }

  @Test
  void moreRoundsThanAreFinishedGoOn() {
    small.succeed("train", "--train.rounds=5");
    assertThat(small.out()).contains("going on after round 4", "round 5/5", "trained ");
    small.forget();
    small.succeed("analyze");
    assertThat(small.out()).contains("analysed round-000005");
  }

  /** Inputs and outputs count, too. */
  @Test
  void aReportThatIsGoneOrHasOtherTablesIsWrittenAgain() throws IOException {
    small.succeed("report");
    Path report = own.resolve("run/report.html");
    Files.delete(report);
    small.succeed("report");
    assertThat(report).exists();
    SmallRun.truncate(own.resolve("run/finished/report.json"));
    small.forget();
    small.succeed("report");
    assertThat(small.out()).contains("report in ");
  }

  /** What changes the routing itself goes through every table. */
  @Test
  void nullExpertsCapacityAndSelectionBiasesAreAnalysed() throws Exception {
    String directory = "--run.directory=" + own.resolve("sparse");
    String[] sparse = {
      directory,
      "--model.nullExperts=2",
      "--model.topK=3",
      "--model.capacityFactor=1",
      "--train.balance.strategy=loss-free"
    };
    for (String command : List.of("train", "analyze", "report")) {
      small.succeed(command, sparse);
    }
    for (String table : List.of("coactivation", "independence", "expert_ablation", "saturation")) {
      assertThat(own.resolve("sparse/tables/" + table + "/run=t")).isDirectory();
    }
  }

  @Test
  void anEarlyStopIsASuccessAndSaysSo() {
    String[] patience = {
      "--train.validateEvery=1",
      "--train.validationSequences=20",
      "--train.earlyStop.patience=1",
      "--train.earlyStop.minDelta=50",
      "--train.optimizer.schedule=wsd",
      "--train.optimizer.decayed=[matrix]",
      "--run.directory=" + own.resolve("other")
    };
    small.succeed("train", patience);
    assertThat(small.out())
        .contains("stopped early after round 2: no validation since round 1", "trained ");
    assertThat(own.resolve("other/tables/validation/run=t/part-00000.parquet")).exists();
    assertThat(own.resolve("other/checkpoints/best.json")).exists();
    small.forget();
    small.succeed("train", patience);
    assertThat(small.out()).startsWith("train: ").endsWith("nothing to do\n");
    String[] elsewhere = Arrays.copyOf(patience, patience.length + 1);
    elsewhere[patience.length] = "--train.workers=1"; // may change, so the run is asked itself
    small.forget();
    small.succeed("train", elsewhere);
    assertThat(small.out())
        .contains("stopped early after round 2", "reused ")
        .doesNotContain("round 3/4");
    small.fail(
        2,
        "train.earlyStop.patience is counted in validations: set validateEvery, is 0",
        "train",
        "--train.earlyStop.patience=1");
  }

  /** Training and analysis on another backend and in another precision: the same to four digits. */
  @Test
  void nd4jTrainsAndAnalysesToTheSameNumbers() throws SQLException {
    String[] nd4j = {
      "--engine.backend=nd4j",
      "--engine.precision=double",
      "--run.directory=" + own.resolve("nd4j"),
      "--train.rounds=2"
    };
    for (String command : List.of("train", "analyze")) {
      small.succeed(command, nd4j);
    }
    String cpu = "--run.directory=" + own.resolve("cpu");
    for (String command : List.of("train", "analyze")) {
      small.succeed(command, cpu, "--train.rounds=2");
    }
    List<Double> losses = losses(own.resolve("nd4j"));
    List<Double> expected = losses(own.resolve("cpu"));
    assertThat(losses).hasSameSizeAs(expected).isNotEqualTo(expected);
    for (int i = 0; i < losses.size(); i++) {
      assertThat(losses.get(i)).isCloseTo(expected.get(i), within(1e-4));
    }
  }

  /** By round, then by domain. */
  private static List<Double> losses(Path run) throws SQLException {
    String query =
        "SELECT loss FROM read_parquet('%1$s/tables/train_metrics/**/*.parquet') ORDER BY round;"
            + " SELECT loss FROM read_parquet('%1$s/tables/domain_loss/**/*.parquet') ORDER BY domain";
    List<Double> losses = new ArrayList<>();
    try (Connection duckDb = DriverManager.getConnection("jdbc:duckdb:")) {
      for (String statement : query.formatted(run).split(";")) {
        ResultSet rows = duckDb.createStatement().executeQuery(statement);
        while (rows.next()) {
          losses.add(rows.getDouble(1));
        }
      }
    }
    return losses;
  }

  @Test
  void theEstimateCountsWhatTheModelHas() {
    small.succeed("estimate");
    assertThat(small.out()).containsPattern("parameters +\\d").contains("METIER_HEAP=");
  }
}
