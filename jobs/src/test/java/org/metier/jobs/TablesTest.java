package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the analysis leaves, as a user asks for it. */
class TablesTest {
  @TempDir Path own;

  private SmallRun small;

  @BeforeEach
  void copy() throws IOException {
    small = SmallRun.copyOfTrained(own);
  }

  @Test
  void aQueryPrintsItsRowsAsMarkdown() {
    String directory = own.resolve("run").toString();
    String[] query = {"--run", directory, "--query", "../conf/sql/balance_of_batches.sql"};
    small.succeed("sql", query);
    assertThat(small.out())
        .startsWith("| run | step | held_out_loss | worst_round | ")
        .containsPattern("\\n\\| t \\| 8 \\| \\d\\.\\d{4} \\| ")
        .hasLineCount(3);
    small.fail(2, "sql.query: nowhere.sql: no such file", "sql", "--query", "nowhere.sql");
    small.fail(2, "query and statement exclude each other", "sql", "--query", "x", "SELECT 1");
    query[1] = own.resolve("nowhere").toString();
    small.fail(3, "nowhere/tables: no tables", "sql", query);
    small.fail(2, "Syntax error", "sql", "--run", directory, "SELEC 1");
    small.fail(
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
        var tables = Files.list(own.resolve("run/tables"));
        var queries = Files.list(Path.of("../conf/sql"))) {
      for (Path table : tables.filter(t -> !t.getFileName().toString().startsWith(".")).toList()) {
        statement.execute(
            "CREATE VIEW %s AS SELECT * FROM read_parquet('%s/**/*.parquet', hive_partitioning=true)"
                .formatted(table.getFileName(), table));
      }
      for (Path query : queries.sorted().toList()) {
        small.forget();
        String[] options = {"--run", own.resolve("run").toString(), "--query", query.toString()};
        small.succeed("sql", options);
        List<String> printed = small.out().lines().skip(2).toList();
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
      own.resolve("run").toString(),
      "--register",
      "metier_test",
      "--spark.conf.spark.sql.warehouse.dir=" + own.resolve("warehouse"),
      "SELECT run, COUNT(*) AS layers FROM metier_test.layer_summary GROUP BY run"
    };
    small.succeed("sql", register);
    assertThat(small.out())
        .contains("CREATE DATABASE IF NOT EXISTS metier_test")
        .contains("CREATE TABLE IF NOT EXISTS metier_test.layer_summary USING PARQUET LOCATION")
        .contains("| t | 2 |");
  }

  /** Each checkpoint's tables stay beside the others'. */
  @Test
  void theCheckpointOfAStepIsAnalysed() throws SQLException {
    small.succeed("analyze", "--analyze.checkpoint=4");
    assertThat(small.out()).contains("analysed round-000002");
    assertThat(rows("SELECT DISTINCT step FROM {layer_summary} ORDER BY step"))
        .containsExactly("4", "8");
    assertThat(rows("SELECT COUNT(DISTINCT loss) FROM {domain_loss} WHERE domain = 'all'"))
        .containsExactly("2");
    small.fail(
        3,
        own.resolve("run") + ": no checkpoint of step 5; there are those of 4, 8",
        "analyze",
        "--analyze.checkpoint=5");
  }

  @Test
  void theBestCheckpointIsAnalysed() throws IOException {
    small.fail(
        3,
        "no checkpoints/best.json names a checkpoint of this run; train.validateEvery makes one",
        "analyze",
        "--analyze.checkpoint=best");
    String other = "--run.directory=" + own.resolve("other");
    small.succeed("train", other, "--train.validateEvery=2", "--train.validationSequences=20");
    small.succeed("analyze", other, "--analyze.checkpoint=best");
    String marker = Files.readString(own.resolve("other/checkpoints/best.json"));
    String best = new ObjectMapper().readTree(marker).path("checkpoint").asText();
    assertThat(small.out()).contains("analysed " + best);
  }

  @Test
  void theTraceHasARowPerTokenAndLayerAndAddsUpToTheCounts() throws SQLException {
    small.succeed("analyze", "--analyze.trace=true");
    String counted =
        "SELECT layer, expert, domain, tokens FROM {expert_domain} WHERE tokens > 0 ORDER BY ALL";
    String traced =
        "SELECT layer, expert, domain, COUNT(*) AS tokens"
            + " FROM (SELECT layer, domain, UNNEST(experts) AS expert FROM {routing_trace})"
            + " GROUP BY ALL ORDER BY ALL";
    assertThat(rows(traced)).isNotEmpty().isEqualTo(rows(counted));
  }

  @Test
  void twoRunsAreReportedSideBySide() throws IOException {
    String micro = own.resolve("micro").toString();
    String[] other = {
      "--run.id=micro", "--run.directory=" + micro, "--train.balance.window=micro-batch"
    };
    small.succeed("train", other);
    small.succeed("analyze", other);
    small.succeed("report", "--report.beside=[\"" + micro + "\"]");
    assertThat(Files.readString(own.resolve("run/report.html"))).contains("\"micro\"", "\"t\"");
    small.fail(
        3,
        own.resolve("nowhere") + "/tables",
        "report",
        "--report.beside=[\"" + own.resolve("nowhere") + "\"]");
  }

  /** The cells of each row in one string; {NAME} is a table of the run. */
  private List<String> rows(String sql) throws SQLException {
    String tables =
        "read_parquet('" + own + "/run/tables/$1/**/*.parquet', hive_partitioning = true)";
    List<String> rows = new ArrayList<>();
    try (Connection duckDb = DriverManager.getConnection("jdbc:duckdb:");
        Statement statement = duckDb.createStatement();
        ResultSet result = statement.executeQuery(sql.replaceAll("\\{(\\w+)}", tables))) {
      while (result.next()) {
        StringJoiner cells = new StringJoiner(" ");
        for (int c = 1; c <= result.getMetaData().getColumnCount(); c++) {
          cells.add(result.getString(c));
        }
        rows.add(cells.toString());
      }
    }
    return rows;
  }
}
