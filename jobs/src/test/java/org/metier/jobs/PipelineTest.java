package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.metier.jobs.console.Terminal;

/** The commands in a row on a small corpus, and what each says when its input is bad. */
class PipelineTest {
  private static final String[] TINY = {
    "--prepare.vocabSize=300",
    "--prepare.sequenceLength=32",
    "--prepare.sequencesPerShard=200",
    "--prepare.heldOutShare=0.2",
    "--model.hiddenSize=16",
    "--model.numLayers=2",
    "--model.numHeads=2",
    "--model.numKvHeads=1",
    "--model.headDim=8",
    "--model.numExperts=4",
    "--model.expertSize=16",
    "--train.localSteps=2",
    "--train.batchSequences=4",
    "--train.rounds=4",
    "--train.checkpointEvery=2",
    "--analyze.maxSequences=50",
    "--spark.conf.spark.ui.enabled=false",
    "--spark.conf.spark.sql.shuffle.partitions=2"
  };

  @TempDir static Path shared;
  @TempDir Path own;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  /** A trained and analysed run that tests copy before they damage it. */
  @BeforeAll
  static void trainOnce() throws IOException {
    Path corpus = Files.createDirectories(shared.resolve("corpus"));
    for (String domain : List.of("low", "high")) {
      Files.writeString(corpus.resolve(domain + ".jsonl"), madeUp(domain));
    }
    PipelineTest first = new PipelineTest();
    for (String command : List.of("prepare", "train", "analyze", "report")) {
      int code = first.run(shared, command);
      assertThat(code).as("%s: %s", command, first.err()).isZero();
    }
    Files.writeString(shared.resolve("console"), first.out());
  }

  @Test
  void theCommandsInARowLeaveTablesReportAndWords() throws IOException {
    assertThat(Files.readString(shared.resolve("console")))
        .contains("prepared ", "training ", "round 4/4", "domain ", "high", "low", "report in");
    for (String table :
        List.of("train_metrics", "expert_domain", "expert_load", "layer_summary", "domain_loss")) {
      assertThat(shared.resolve("run/tables/" + table + "/run=t")).isDirectory();
    }
    assertThat(Files.readString(shared.resolve("run/report.html"))).contains("<html", "high");
    assertThat(shared.resolve("run/checkpoints/round-000004/model.safetensors")).exists();
    assertThat(Files.readString(shared.resolve("run/config.conf"))).contains("numExperts");
  }

  @Test
  void finishedWorkIsNotDoneAgain() {
    copyRun();
    TreeMap<String, Long> before = files(own.resolve("run"));
    for (String command : List.of("train", "analyze", "report")) {
      // a copy has other paths, so the job itself finds out
      assertThat(run(own, command)).as(err()).isZero();
      assertThat(out()).doesNotContain("round 1/4");
      out.reset();
      assertThat(run(own, command)).as(err()).isZero();
      assertThat(out())
          .startsWith(command + ": " + own.resolve("run") + " is finished since ")
          .endsWith("nothing to do\n")
          .hasLineCount(1);
    }
    assertThat(files(own.resolve("run")).keySet()).isEqualTo(before.keySet());
    String input = "--prepare.input=" + shared.resolve("corpus");
    assertThat(run(own, "prepare", input)).as(err()).isZero();
    assertThat(out()).contains("reused ");
  }

  @Test
  void freshReusesNothing() {
    copyRun();
    assertFails(3, "has a checkpoint (round-000004) already, and --fresh", "train", "--fresh");
    String input = "--prepare.input=" + shared.resolve("corpus");
    assertFails(3, "is complete already, and --fresh reuses nothing", "prepare", input, "--fresh");
    assertThat(run(own, "report", "--fresh")).as(err()).isZero();
    assertThat(out()).contains("report in ");
  }

  @Test
  void moreRoundsThanAreFinishedGoOn() {
    copyRun();
    assertThat(run(own, "train", "--train.rounds=5")).as(err()).isZero();
    assertThat(out()).contains("going on after round 4", "round 5/5", "trained ");
    out.reset();
    assertThat(run(own, "analyze")).as(err()).isZero();
    assertThat(out()).contains("analysed round-000005");
  }

  /** Inputs and outputs count, too. */
  @Test
  void aReportThatIsGoneOrHasOtherTablesIsWrittenAgain() throws IOException {
    copyRun();
    assertThat(run(own, "report")).as(err()).isZero();
    Path report = own.resolve("run/report.html");
    Files.delete(report);
    assertThat(run(own, "report")).as(err()).isZero();
    assertThat(report).exists();
    truncate(own.resolve("run/finished/report.json"));
    out.reset();
    assertThat(run(own, "report")).as(err()).isZero();
    assertThat(out()).contains("report in ");
  }

  /** What changes the routing itself goes through every table. */
  @Test
  void nullExpertsCapacityAndSelectionBiasesAreAnalysed() throws Exception {
    copyRun();
    String directory = "--run.directory=" + own.resolve("sparse");
    String[] sparse = {
      directory,
      "--model.nullExperts=2",
      "--model.topK=3",
      "--model.capacityFactor=1",
      "--train.balance.strategy=loss-free"
    };
    for (String command : List.of("train", "analyze", "report")) {
      assertThat(run(own, command, sparse)).as(err()).isZero();
    }
    for (String table : List.of("coactivation", "independence", "expert_ablation", "saturation")) {
      assertThat(own.resolve("sparse/tables/" + table + "/run=t")).isDirectory();
    }
  }

  @Test
  void aCorpusThatDoesNotExist() {
    assertFails(
        3, own.resolve("nowhere").toString(), "prepare", "--prepare.input=" + own + "/nowhere");
    assertThat(own.resolve("tokens")).doesNotExist();
  }

  @Test
  void aCorruptShard() throws IOException {
    copyRun();
    Path shard = own.resolve("tokens/train/shard-00000.parquet");
    flipInTheMiddle(shard);
    assertFails(3, "shard-00000.parquet", "train", "--run.directory=" + own.resolve("other"));
    assertThat(own.resolve("other/checkpoints")).doesNotExist();
  }

  @Test
  void aTruncatedHeldOutShardDoesNotMatchItsManifest() throws IOException {
    copyRun();
    truncate(own.resolve("tokens/held-out/shard-00000.parquet"));
    assertFails(3, "held-out/shard-00000.parquet", "analyze");
  }

  @Test
  void aManifestOfOtherShards() throws IOException {
    copyRun();
    Files.delete(own.resolve("tokens/train/shard-00001.parquet"));
    assertFails(3, "shard-00001.parquet", "train", "--run.directory=" + own.resolve("other"));
  }

  @Test
  void aTruncatedCheckpoint() throws IOException {
    copyRun();
    Path file = own.resolve("run/checkpoints/round-000004/model.safetensors");
    truncate(file);
    assertFails(4, "round-000004: model.safetensors has ", "train", "--resume", "--train.rounds=6");
    assertFails(4, "round-000004: model.safetensors has ", "analyze");
    assertThat(file).exists();
  }

  @Test
  void anotherVocabulary() {
    copyRun();
    String[] other = {"--model.vocabSize=299", "--run.directory=" + own.resolve("other")};
    assertFails(3, "a vocabulary of 300, model.vocabSize is 299", "train", other[0], other[1]);
  }

  /** As many tokens, but others: neither can the run go on with them, nor is it touched. */
  @Test
  void shardsOfAnotherVocabularyThanTheCheckpoints() {
    copyRun();
    String input = "--prepare.input=" + own.resolve("corpus/low.jsonl");
    String output = "--prepare.output=" + own.resolve("others");
    assertThat(run(own, "prepare", input, output)).as(err()).isZero();
    assertFails(
        3,
        "the checkpoint was trained with another tokenizer than that of " + own.resolve("others"),
        "train",
        "--train.data=" + own.resolve("others"),
        "--resume",
        "--train.rounds=6");
    assertFails(
        3,
        "model.numExperts was 4, is 8 since the checkpoint round-000004",
        "train",
        "--model.numExperts=8",
        "--resume",
        "--train.rounds=6");
  }

  @Test
  void aLearningRateThatDiverges() {
    copyRun();
    assertFails(
        5,
        "also when the round was run once more; there is no checkpoint yet",
        "train",
        "--train.optimizer.learningRate=1e30",
        "--train.optimizer.warmupSteps=0",
        "--run.directory=" + own.resolve("other"));
  }

  @Test
  @Timeout(60)
  void aFileSystemThatIsNotThere() {
    copyRun();
    String nowhere = "hdfs://localhost:1/metier";
    String why = ": its file system cannot be reached: Connection refused";
    String directory = "run.directory: " + nowhere + why;
    assertFails(4, directory, "train", "--run.directory=" + nowhere);
    assertFails(4, directory, "analyze", "--run.directory=" + nowhere);
    String other = "--run.directory=" + own.resolve("other");
    assertFails(3, nowhere + "/train" + why, "train", "--train.data=" + nowhere, other);
    assertFails(3, "prepare.input: " + nowhere, "prepare", "--prepare.input=" + nowhere, other);
    assertFails(3, "prepare.output: " + nowhere, "prepare", "--prepare.output=" + nowhere, other);
  }

  @Test
  void anEarlyStopIsASuccessAndSaysSo() {
    copyRun();
    String[] patience = {
      "--train.validateEvery=1",
      "--train.validationSequences=20",
      "--train.earlyStop.patience=1",
      "--train.earlyStop.minDelta=50",
      "--train.optimizer.schedule=wsd",
      "--train.optimizer.decayed=[matrix]",
      "--run.directory=" + own.resolve("other")
    };
    assertThat(run(own, "train", patience)).as(err()).isZero();
    assertThat(out())
        .contains("stopped early after round 2: no validation since round 1", "trained ");
    assertThat(own.resolve("other/tables/validation/run=t/part-00000.parquet")).exists();
    assertThat(own.resolve("other/checkpoints/best.json")).exists();
    out.reset();
    assertThat(run(own, "train", patience)).as(err()).isZero();
    assertThat(out()).startsWith("train: ").endsWith("nothing to do\n");
    String[] elsewhere = Arrays.copyOf(patience, patience.length + 1);
    elsewhere[patience.length] = "--train.workers=1"; // may change, so the run is asked itself
    out.reset();
    assertThat(run(own, "train", elsewhere)).as(err()).isZero();
    assertThat(out())
        .contains("stopped early after round 2", "reused ")
        .doesNotContain("round 3/4");
    assertFails(
        2,
        "train.earlyStop.patience is counted in validations: set validateEvery, is 0",
        "train",
        "--train.earlyStop.patience=1");
  }

  @Test
  void aTokenizerThatIsNotTheShards() throws IOException {
    copyRun();
    Path tokenizer = own.resolve("tokens/tokenizer.json");
    Files.writeString(tokenizer, Files.readString(tokenizer) + "\n");
    assertFails(3, "tokenizer.json", "analyze");
  }

  @Test
  void aModelThatCannotFitIsRefusedBeforeAnythingIsAllocated() {
    copyRun();
    String[] huge = {
      "--model.hiddenSize=1024", "--model.numExperts=200", "--model.expertSize=1024"
    };
    String other = "--run.directory=" + own.resolve("other");
    assertFails(2, "set METIER_HEAP=", "train", huge[0], huge[1], huge[2], other);
    assertThat(own.resolve("other/checkpoints")).doesNotExist();
  }

  /** Training and analysis on another backend and in another precision: the same to four digits. */
  @Test
  void nd4jTrainsAndAnalysesToTheSameNumbers() throws SQLException {
    copyRun();
    String[] nd4j = {
      "--engine.backend=nd4j",
      "--engine.precision=double",
      "--run.directory=" + own.resolve("nd4j"),
      "--train.rounds=2"
    };
    for (String command : List.of("train", "analyze")) {
      assertThat(run(own, command, nd4j)).as(err()).isZero();
    }
    String cpu = "--run.directory=" + own.resolve("cpu");
    for (String command : List.of("train", "analyze")) {
      assertThat(run(own, command, cpu, "--train.rounds=2")).as(err()).isZero();
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
  void aQueryPrintsItsRowsAsMarkdown() {
    String directory = shared.resolve("run").toString();
    String[] query = {"--run", directory, "--query", "../conf/sql/balance_of_batches.sql"};
    assertThat(run(own, "sql", query)).as(err()).isZero();
    assertThat(out())
        .startsWith("| run | step | held_out_loss | worst_round | ")
        .containsPattern("\\n\\| t \\| 8 \\| \\d\\.\\d{4} \\| ")
        .hasLineCount(3);
    assertFails(2, "sql.query: nowhere.sql: no such file", "sql", "--query", "nowhere.sql");
    assertFails(2, "query and statement exclude each other", "sql", "--query", "x", "SELECT 1");
    query[1] = own.resolve("nowhere").toString();
    assertFails(3, "nowhere/tables: no tables", "sql", query);
    assertFails(2, "Syntax error", "sql", "--run", directory, "SELEC 1");
    assertFails(
        3,
        "The runs have the tables coactivation,",
        "sql",
        "--run",
        directory,
        "SELECT * FROM nowhere");
  }

  /** On the real tables; what is printed has four digits. */
  @Test
  void everyReadyQueryGivesTheRowsThatDuckDbGives() throws IOException, SQLException {
    try (Connection duckDb = DriverManager.getConnection("jdbc:duckdb:");
        var statement = duckDb.createStatement();
        var tables = Files.list(shared.resolve("run/tables"));
        var queries = Files.list(Path.of("../conf/sql"))) {
      for (Path table : tables.filter(t -> !t.getFileName().toString().startsWith(".")).toList()) {
        statement.execute(
            "CREATE VIEW %s AS SELECT * FROM read_parquet('%s/**/*.parquet', hive_partitioning=true)"
                .formatted(table.getFileName(), table));
      }
      for (Path query : queries.sorted().toList()) {
        out.reset();
        String[] options = {"--run", shared.resolve("run").toString(), "--query", query.toString()};
        assertThat(run(own, "sql", options)).as("%s: %s", query, err()).isZero();
        List<String> printed = out().lines().skip(2).toList();
        int row = 0;
        try (ResultSet rows = statement.executeQuery(Files.readString(query))) {
          while (rows.next()) {
            assertSameRow(printed.get(row), rows, query + ", row " + row++);
          }
        }
        assertThat(printed).as(query.toString()).hasSize(row);
      }
    }
  }

  private static void assertSameRow(String printed, ResultSet row, String where)
      throws SQLException {
    String[] cells = printed.substring(2, printed.length() - 2).split(" \\| ", -1);
    for (int c = 1; c <= row.getMetaData().getColumnCount(); c++) {
      if (row.getObject(c) instanceof Double number && Double.isFinite(number)) {
        assertThat(Double.parseDouble(cells[c - 1])).as(where).isCloseTo(number, within(5.1e-5));
      } else if (row.getObject(c) instanceof Number number && !(number instanceof Double)) {
        assertThat(cells[c - 1]).as(where).isEqualTo(number.toString());
      }
    }
  }

  @Test
  void tablesCanBeRegisteredInACatalog() {
    String[] register = {
      "--run",
      shared.resolve("run").toString(),
      "--register",
      "metier_test",
      "--spark.conf.spark.sql.warehouse.dir=" + own.resolve("warehouse"),
      "SELECT run, COUNT(*) AS layers FROM metier_test.layer_summary GROUP BY run"
    };
    assertThat(run(own, "sql", register)).as(err()).isZero();
    assertThat(out())
        .contains("CREATE DATABASE IF NOT EXISTS metier_test")
        .contains("CREATE TABLE IF NOT EXISTS metier_test.layer_summary USING PARQUET LOCATION")
        .contains("| t | 2 |");
  }

  @Test
  void theEstimateCountsWhatTheModelHas() {
    assertThat(run(own, "estimate")).as(err()).isZero();
    assertThat(out()).containsPattern("parameters +\\d").contains("METIER_HEAP=");
  }

  @Test
  void aRunWithoutCheckpointOrTables() {
    copyRun();
    String nowhere = "--run.directory=" + own.resolve("empty");
    assertFails(3, "has no checkpoint; metier train makes one", "analyze", nowhere);
    assertFails(3, "t", "report", nowhere);
  }

  /** Exit code, exactly one line on stderr that says where, and nothing in the run changed. */
  private void assertFails(int code, String message, String command, String... overrides) {
    TreeMap<String, Long> before = files(own.resolve("run"));
    err.reset();
    assertThat(run(own, command, overrides)).as(err()).isEqualTo(code);
    assertThat(err()).startsWith("metier: ").contains(message).hasLineCount(1);
    assertThat(files(own.resolve("run"))).isEqualTo(before);
  }

  private int run(Path root, String command, String... more) {
    List<String> args = new ArrayList<>(List.of(command));
    args.addAll(List.of(TINY));
    args.add("--run.id=t");
    args.add("--run.directory=" + root.resolve("run"));
    args.add("--prepare.input=" + root.resolve("corpus"));
    args.add("--prepare.output=" + root.resolve("tokens"));
    args.addAll(List.of(more));
    Terminal terminal = new Terminal(new PrintStream(out, true), false, 120);
    return Main.run(terminal, new PrintStream(err, true), args.toArray(String[]::new));
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  private void copyRun() {
    try (var walk = Files.walk(shared)) {
      for (Path from : walk.toList()) {
        Path to = own.resolve(shared.relativize(from).toString());
        if (Files.isDirectory(from)) {
          Files.createDirectories(to);
        } else {
          Files.copy(from, to);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Size by name, logs and the lease left out. */
  private static TreeMap<String, Long> files(Path directory) {
    TreeMap<String, Long> sizes = new TreeMap<>();
    if (!Files.exists(directory)) {
      return sizes;
    }
    try (var walk = Files.walk(directory)) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        if (!file.toString().matches(".*/(logs|lease|finished)/.*")) {
          sizes.put(file.toString(), Files.size(file));
        }
      }
      return sizes;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void flipInTheMiddle(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    for (int i = bytes.length / 3; i < bytes.length / 3 + 200; i++) {
      bytes[i] ^= 0x55;
    }
    Files.write(file, bytes);
  }

  private static void truncate(Path file) throws IOException {
    try (RandomAccessFile random = new RandomAccessFile(file.toFile(), "rw")) {
      random.setLength(random.length() / 2);
    }
  }

  private static String madeUp(String domain) {
    Random random = new Random(domain.hashCode());
    StringBuilder lines = new StringBuilder();
    for (int document = 0; document < 300; document++) {
      lines.append("{\"domain\":\"").append(domain).append("\",\"text\":\"");
      for (int i = 0; i < 40; i++) {
        int word = (int) (60 * random.nextDouble() * random.nextDouble());
        lines.append(domain.charAt(0)).append(Integer.toString(word * word + 7, 36)).append(' ');
      }
      lines.append("\"}\n");
    }
    return lines.toString();
  }
}
