package org.metier.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.metier.analysis.SparkForTests.SPARK;

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
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The queries of conf/sql give the same rows in Spark SQL and in DuckDB. */
class QueriesTest {
  private static final Path QUERIES = Path.of("../../conf/sql");
  private static final List<String> TABLES =
      List.of(
          ExpertDomain.TABLE,
          ExpertLoad.TABLE,
          LayerSummary.TABLE,
          DomainLoss.TABLE,
          ExpertTokenClass.TABLE,
          Coactivation.TABLE,
          RoutingFlow.TABLE,
          Vocabulary.TABLE,
          Vocabulary.SUMMARY_TABLE,
          Saturation.TABLE,
          ExpertAblation.TABLE,
          "train_metrics",
          "train_expert_load");

  @TempDir static Path directory;
  private static Connection duckdb;

  @BeforeAll
  static void registerViews() throws SQLException {
    Synthetic corpus = new Synthetic(3, 8, 2, Synthetic.DOMAINS.subList(0, 4), 80, 32, 1);
    corpus.tables(2).write(directory.toString(), "round", 200);
    corpus.tables(1).write(directory.toString(), "round", 100);
    corpus.tables(0.3).write(directory.toString(), "micro-batch", 200);
    Details.write(directory, "round", 200);
    Details.write(directory, "micro-batch", 200);
    writeTrainingTables();
    duckdb = DriverManager.getConnection("jdbc:duckdb:");
    try (Statement statement = duckdb.createStatement()) {
      for (String table : TABLES) {
        Path path = directory.resolve(table);
        SPARK.read().parquet(path.toString()).createOrReplaceTempView(table);
        statement.execute(
            "CREATE VIEW %s AS SELECT * FROM read_parquet('%s/**/*.parquet', hive_partitioning=true)"
                .formatted(table, path));
      }
    }
  }

  /** Eight rounds of three layers as training writes them, the columns that queries use. */
  private static void writeTrainingTables() {
    for (String run : List.of("round", "micro-batch")) {
      SPARK
          .range(1, 9)
          .selectExpr(
              "id AS round",
              "0.3 + id % 3 / 10.0D AS max_vio",
              "0.2 + id % 5 / 10.0D AS max_vio_step",
              "0.5 + id % 2 / 10.0D AS max_vio_step_largest",
              "0.3 + id % 4 / 10.0D AS max_vio_step_last")
          .write()
          .parquet(directory + "/train_metrics/run=" + run);
      SPARK
          .range(1, 9)
          .selectExpr("id AS round", "explode(sequence(0, 2)) AS layer")
          .selectExpr("round", "layer", "explode(sequence(0, 3)) AS expert")
          .selectExpr("*", "0.25D + (expert - 1.5D) * ((round * layer) % 3) / 10 AS share")
          .write()
          .parquet(directory + "/train_expert_load/run=" + run);
    }
  }

  @AfterAll
  static void dropViews() throws SQLException {
    TABLES.forEach(SPARK.catalog()::dropTempView);
    duckdb.close();
  }

  static List<Path> queries() throws IOException {
    try (Stream<Path> files = Files.list(QUERIES)) {
      return files.filter(file -> file.toString().endsWith(".sql")).sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("queries")
  void givesTheSameRowsInBothEngines(Path query) throws Exception {
    String sql = Files.readString(query);
    assertThat(sql).as("first line says what it is for").startsWith("-- ");
    List<List<Object>> spark = spark(sql);
    List<List<Object>> duck = duckdb(sql);
    assertThat(spark).as("rows").isNotEmpty().hasSameSizeAs(duck);
    for (int i = 0; i < spark.size(); i++) {
      assertSame(spark.get(i), duck.get(i), query.getFileName() + ", row " + i);
    }
  }

  @Test
  void thereAreAtLeastTwelve() throws IOException {
    assertThat(queries()).hasSizeGreaterThanOrEqualTo(12);
  }

  @Test
  void expertsOfADomainAgreeWithTheHeadline() throws Exception {
    Headline headline =
        Headline.of(new Synthetic(3, 8, 2, Synthetic.DOMAINS.subList(0, 4), 80, 32, 1).tables(2));
    List<List<Object>> rows =
        duckdb(Files.readString(QUERIES.resolve("experts_of_domain.sql"))).stream()
            .filter(row -> row.get(0).equals("round") && number(row.get(1)) == 200)
            .filter(row -> number(row.get(3)) == 1)
            .toList();
    assertThat(rows).hasSize(4);
    for (int i = 0; i < 4; i++) {
      Headline.TopExpert best = headline.bestPerDomain().get(i);
      assertSame(
          rows.get(i).subList(2, 7),
          List.of(best.domain(), 1, best.layer(), best.expert(), best.frequency()),
          best.domain());
    }
  }

  private static void assertSame(List<Object> left, List<Object> right, String where) {
    assertThat(left).as(where).hasSameSizeAs(right);
    for (int c = 0; c < left.size(); c++) {
      if (left.get(c) instanceof String text) {
        assertThat(right.get(c)).as(where).isEqualTo(text);
      } else {
        // Engines add up in different orders: a few units in the last place.
        double value = number(left.get(c));
        assertThat(number(right.get(c)))
            .as(where + ", column " + c)
            .isCloseTo(value, within(1e-12 * Math.max(1, Math.abs(value))));
      }
    }
  }

  private static double number(Object value) {
    return ((Number) value).doubleValue();
  }

  private static List<List<Object>> spark(String sql) {
    List<List<Object>> rows = new ArrayList<>();
    for (Row row : SPARK.sql(sql).collectAsList()) {
      List<Object> values = new ArrayList<>();
      for (int c = 0; c < row.size(); c++) {
        values.add(row.get(c));
      }
      rows.add(values);
    }
    return rows;
  }

  private static List<List<Object>> duckdb(String sql) throws SQLException {
    List<List<Object>> rows = new ArrayList<>();
    try (Statement statement = duckdb.createStatement();
        ResultSet result = statement.executeQuery(sql)) {
      while (result.next()) {
        List<Object> values = new ArrayList<>();
        for (int c = 1; c <= result.getMetaData().getColumnCount(); c++) {
          values.add(result.getObject(c));
        }
        rows.add(values);
      }
    }
    return rows;
  }
}
