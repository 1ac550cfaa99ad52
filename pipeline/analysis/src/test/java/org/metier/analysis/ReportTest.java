package org.metier.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.metier.analysis.SparkForTests.SPARK;
import static org.metier.analysis.Synthetic.SMALL;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTest {
  private static final Pattern DATA =
      Pattern.compile("<script type=\"application/json\" id=\"data\">(.*?)</script>");

  private static final StructType METRICS =
      new StructType()
          .add("round", DataTypes.IntegerType)
          .add("tokens", DataTypes.LongType)
          .add("loss", DataTypes.DoubleType)
          .add("held_out_loss", DataTypes.DoubleType)
          .add("max_vio", DataTypes.DoubleType)
          .add("learning_rate", DataTypes.DoubleType);

  @Test
  void holdsTheTablesAndNeedsNoNetwork(@TempDir Path directory) throws IOException {
    Tables tables = SMALL.tables(2);
    tables.write(directory.toString(), "a", 5);
    SMALL.tables(1).write(directory.toString(), "a", 4);
    Details.write(directory, "a", 5);
    writeMetrics(directory, "a", 12);
    String html = report(directory, List.of("a"));

    // Nothing is loaded: no element of the page names another file.
    String page = html.replaceAll("(?s)<script>.*?</script>", "");
    assertThat(page).doesNotContain("src=").doesNotContain("http://").doesNotContain("https://");
    assertThat(page).doesNotContain("{{").doesNotContain("is missing");
    assertThat(html).contains("echarts.init(");

    JsonNode run = data(html).get("runs").get(0);
    assertThat(run.get("step").asLong()).isEqualTo(5);
    assertThat(run.get("missing")).isEmpty();
    JsonNode layer = run.get("experts").get(2);
    for (ExpertDomain row : tables.expertDomain()) {
      if (row.layer() == 2) {
        int d = SMALL.domains().indexOf(row.domain());
        assertThat(layer.get("tokens").get(d).get(row.expert()).asLong()).isEqualTo(row.tokens());
        assertThat(layer.get("lift").get(d).get(row.expert()).asDouble())
            .isCloseTo(row.lift(), org.assertj.core.api.Assertions.withinPercentage(1e-4));
      }
    }
    assertThat(run.get("loads").get("1")).hasSize(8);
    assertThat(run.get("losses").get(4).get("domain").asText()).isEqualTo("all");
    assertThat(run.get("cards").get("1").get("0").get("input").get(0)).hasSize(3);
    assertThat(run.get("cards").get("0").get("3").get("place")).hasSize(2);
    assertThat(run.get("flow").get("0")).isNotEmpty();
    assertThat(run.get("saturation")).hasSize(2 * 3 * 2);
    assertThat(run.get("expert_ablation")).hasSize(3 * 4 * 3);
    for (String chart : List.of("experts", "information", "loss")) {
      byte[] png = Files.readAllBytes(directory.resolve("report-" + chart + ".png"));
      assertThat(new String(png, 1, 3, java.nio.charset.StandardCharsets.US_ASCII))
          .isEqualTo("PNG");
      report(directory, List.of("a"));
      assertThat(Files.readAllBytes(directory.resolve("report-" + chart + ".png"))).isEqualTo(png);
    }
    assertThat(run.get("training").get("round").get(11).asInt()).isEqualTo(11);
    assertThat(run.get("training").get("held_out_loss").get(1).isNull()).isTrue();
  }

  @Test
  void saysWhichTablesAreMissingAndShowsTheRest(@TempDir Path directory) throws IOException {
    Tables tables = SMALL.tables(2);
    TableDirectory target = new TableDirectory(SPARK, directory.toString());
    target.write(LayerSummary.TABLE, "a", 5, tables.layerSummaryFrame());
    String html = report(directory, List.of("a"));
    assertThat(html)
        .contains("<code>expert_domain</code> of run a is missing")
        .contains("<code>expert_load</code> of run a is missing")
        .contains("<code>domain_loss</code> of run a is missing")
        .contains("<code>expert_ablation</code> of run a is missing")
        .contains("<code>train_metrics</code> of run a is missing")
        .doesNotContain("<code>layer_summary</code> of run a is missing");
    JsonNode run = data(html).get("runs").get(0);
    assertThat(run.get("layers")).hasSize(3);
    assertThat(run.get("experts")).isEmpty();
  }

  @Test
  void aRunWithoutTablesIsNamed(@TempDir Path directory) {
    assertThatThrownBy(() -> report(directory, List.of("nobody")))
        .isInstanceOf(MissingTableException.class)
        .hasMessage("no tables of run nobody in " + directory);
  }

  @Test
  void namesCannotBreakOutOfThePage(@TempDir Path directory) throws IOException {
    String hostile = "</script><script>alert('x')</script>&\"{{script}}\u2028";
    Synthetic corpus = new Synthetic(1, 4, 1, List.of("css", hostile), 20, 16, 1);
    corpus.tables(1).write(directory.toString(), "a", 1);
    String html = report(directory, List.of("a"));
    assertThat(html.contains("<script>alert")).isFalse();
    // Data, charts, script: three elements and no more.
    assertThat(html.split("</script>", -1)).hasSize(4);
    assertThat(data(html).get("runs").get(0).get("experts").get(0).get("domains").get(0).asText())
        .isEqualTo(hostile);
    assertThat(html.contains("&lt;/script&gt;&lt;script&gt;alert(&#39;x&#39;)")).isTrue();
  }

  @Test
  void twoRunsStandSideBySideAndTheReportIsReplaced(@TempDir Path directory) throws IOException {
    SMALL.tables(2).write(directory.toString(), "round", 5);
    SMALL.tables(1).write(directory.toString(), "micro-batch", 5);
    String first = report(directory, List.of("round"));
    String both = report(directory, List.of("round", "micro-batch"));
    assertThat(data(first).get("runs")).hasSize(1);
    assertThat(data(both).get("runs")).hasSize(2);
    assertThat(both).contains("<h1>round and micro-batch</h1>", "<h2>micro-batch</h2>");
    assertThat(directory.resolve(".report.html.writing")).doesNotExist();
  }

  private static String report(Path directory, List<String> runs) throws IOException {
    Path output = directory.resolve("report.html");
    Report.write(SPARK, directory.toString(), runs, output.toString());
    return Files.readString(output);
  }

  private static JsonNode data(String html) throws IOException {
    Matcher matcher = DATA.matcher(html);
    assertThat(matcher.find()).isTrue();
    return new ObjectMapper().readTree(matcher.group(1));
  }

  static void writeMetrics(Path directory, String run, int rounds) {
    List<Row> rows = new ArrayList<>();
    for (int r = 0; r < rounds; r++) {
      double wave = Math.sin(r * 1.7) + Math.cos(r * 0.9);
      rows.add(
          RowFactory.create(
              r,
              10_000L * (r + 1),
              2.3 + 4 * Math.exp(-r / 9.0) + 0.02 * wave,
              r % 4 == 0 ? (Double) (2.42 + 4 * Math.exp(-r / 9.0)) : null,
              0.35 + 1.2 * Math.exp(-r / 6.0) + 0.04 * wave,
              1e-3 * Math.min(1, (r + 1) / 5.0)));
    }
    new TableDirectory(SPARK, directory.toString())
        .write("train_metrics", run, rounds, SPARK.createDataFrame(rows, METRICS));
  }
}
