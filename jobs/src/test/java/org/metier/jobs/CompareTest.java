package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code metier compare}: a real matrix on a small corpus, resumed, and refused where it is wrong.
 */
class CompareTest {
  private static final List<String> OPTIONS =
      List.of(
          "--train.workers=1",
          "--train.localSteps=2",
          "--train.rounds=3",
          "--analyze.maxSequences=50",
          "--analyze.bootstraps=50",
          "--analyze.permutations=20",
          "--analyze.saturation.maxSequences=0",
          "--analyze.ablation.maxSequences=0",
          "--spark.master=local[2]",
          "--spark.conf.spark.ui.enabled=false");

  private static final String MATRIX =
      """
      [{variants: [{name: local, set: ["train.balance.window=micro-batch"]},\
      {name: global, set: ["train.balance.window=step"]}]},\
      {variants: [{name: plain, set: []}, {name: strong, set: ["train.balance.coefficient=0.5"]}]}]""";

  @TempDir static Path directory;

  private final SmallRun small = new SmallRun(directory, OPTIONS);

  @BeforeAll
  static void compareOnce() throws IOException {
    SmallRun.writeCorpus(directory.resolve("corpus"), 200);
    CompareTest first = new CompareTest();
    assertThat(first.small.run("prepare")).as(first.small.err()).isZero();
    assertThat(first.compare(MATRIX, "[1, 2]")).as(first.small.err()).isZero();
    Files.writeString(directory.resolve("console"), first.small.out());
  }

  @Test
  void everyCellIsTrainedWithEverySeedAndComparedWithTheFirst() throws Exception {
    assertThat(Files.readString(directory.resolve("console")))
        .contains("8/8 ", "global-strong-2: held-out loss", "Against `local-plain`, seed by seed")
        .contains("| global-strong |", "| high | low |", "comparison.html");
    assertThat(rows("SELECT DISTINCT cell FROM comparison ORDER BY cell"))
        .containsExactly("global-plain", "global-strong", "local-plain", "local-strong");
    assertThat(rows("SELECT count(*) FROM comparison")).containsExactly("8");
    assertThat(rows("SELECT count(*) FROM comparison_domain WHERE domain = 'all'"))
        .containsExactly("8");
    // what the table says is what the run's own table says
    assertThat(rows("SELECT loss FROM comparison WHERE cell = 'global-strong' AND seed = 2"))
        .isEqualTo(
            rows(
                "SELECT loss FROM read_parquet('%s/run/cells/global-strong-2/tables/domain_loss/**')"
                        .formatted(directory)
                    + " WHERE domain = 'all'"));
    assertThat(Files.readString(directory.resolve("run/comparison.html")))
        .contains("global-strong", "<script");
    assertThat(Files.readString(directory.resolve("console")))
        .contains(Files.readString(directory.resolve("run/comparison.md")));
  }

  /** Two ran at a time; alone, a cell comes to the same bits. */
  @Test
  void aCellIsAnOrdinaryRun() throws IOException {
    String alone = "--run.directory=" + directory.resolve("alone");
    int code = small.run("train", alone, "--train.seed=2", "--train.balance.window=micro-batch");
    assertThat(code).as(small.err()).isZero();
    assertThat(parameters("alone")).isEqualTo(parameters("run/cells/local-plain-2"));
    assertThat(parameters("alone")).isNotEqualTo(parameters("run/cells/local-plain-1"));
    assertThat(parameters("alone")).isNotEqualTo(parameters("run/cells/local-strong-2"));
  }

  @Test
  void finishedCellsAreReusedAndOthersTrained() throws IOException {
    Path kept = directory.resolve("run/cells/local-plain-1/checkpoints/round-000003");
    Object before = Files.getLastModifiedTime(kept);
    String one = "[{variants: [{name: local-plain, set: [\"train.balance.window=micro-batch\"]}]}]";
    assertThat(compare(one, "[1, 3]")).as(small.err()).isZero();
    assertThat(Files.getLastModifiedTime(kept)).isEqualTo(before);
    assertThat(small.out())
        .contains("1/2 local-plain-1", "2/2 local-plain-3")
        .doesNotContain("Against");
    assertThat(directory.resolve("run/cells/local-plain-3/checkpoints/round-000003")).exists();
    assertThat(compare(MATRIX, "[1, 2]")).as(small.err()).isZero();
  }

  @Test
  void aMatrixThatIsWrongIsRefusedBeforeAnyCellIsTrained() {
    assertRefused("two cells of the matrix are called 'a'", variants("a", "", "a", ""));
    assertRefused("a cell of the matrix has no name", variants("", "", "b", ""));
    assertRefused("compare.axes: nothing to compare; conf/compare has matrices", "[]");
    assertRefused(
        "cell b: command line: train.balance.window: expected one of",
        variants("a", "", "b", "train.balance.window=best"));
    assertRefused(
        "cell b: command line: train.balance.windw: unknown key; did you mean train.balance.window?",
        variants("a", "", "b", "train.balance.windw=step"));
    assertRefused("is not KEY=VALUE with a key of train", variants("a", "", "b", "spark.master=x"));
    assertRefused("compare.seeds has the seeds", variants("a", "", "b", "train.seed=4"));
    assertRefused(
        "cell b: train.workers is 9, Spark has 2 slots", variants("a", "", "b", "train.workers=9"));
    assertThat(small.run("compare", "--compare.axes=" + MATRIX, "--compare.baseline=x"))
        .isEqualTo(2);
    assertThat(small.err())
        .contains("compare.baseline: no cell is called 'x'; there are local-plain");
    assertThat(directory.resolve("run/cells/a-1")).doesNotExist();
  }

  private void assertRefused(String message, String axes) {
    small.forget();
    assertThat(compare(axes, "[1]")).isEqualTo(2);
    assertThat(small.err()).startsWith("metier: ").contains(message).hasLineCount(1);
  }

  private static String variants(String name, String set, String other, String otherSet) {
    return "[{variants: [{name: \"%s\", set: [%s]}, {name: \"%s\", set: [%s]}]}]"
        .formatted(name, quoted(set), other, quoted(otherSet));
  }

  private static String quoted(String option) {
    return option.isEmpty() ? "" : '"' + option + '"';
  }

  private int compare(String axes, String seeds) {
    return small.run("compare", "--compare.axes=" + axes, "--compare.seeds=" + seeds);
  }

  private static byte[] parameters(String run) throws IOException {
    return Files.readAllBytes(
        directory.resolve(run).resolve("checkpoints/round-000003/model.safetensors"));
  }

  private static List<String> rows(String sql) throws SQLException {
    List<String> rows = new ArrayList<>();
    try (Connection duckdb = DriverManager.getConnection("jdbc:duckdb:")) {
      for (String table : List.of("comparison", "comparison_domain")) {
        duckdb
            .createStatement()
            .execute(
                "CREATE VIEW %s AS SELECT * FROM read_parquet('%s/run/tables/%s/**/*.parquet')"
                    .formatted(table, directory, table));
      }
      ResultSet result = duckdb.createStatement().executeQuery(sql);
      while (result.next()) {
        rows.add(result.getString(1));
      }
    }
    return rows;
  }
}
