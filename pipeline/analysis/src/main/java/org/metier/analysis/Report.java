package org.metier.analysis;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/**
 * The tables of one or more runs as one HTML file that needs no network: page, style, script, data
 * and the chart library (Apache ECharts, from its webjar) in one.
 */
public final class Report {
  private static final String ECHARTS = "/META-INF/resources/webjars/echarts/5.5.0/echarts.min.js";
  private static final List<String> SCRIPTS =
      List.of("report.js", "report-experts.js", "report-training.js", "report-start.js");
  private static final Pattern SLOT = Pattern.compile("\\{\\{([a-z]+)}}");

  private Report() {}

  /**
   * The last step of one run.
   *
   * @see #write(SparkSession, String, List, String)
   */
  public static void write(SparkSession spark, String tablesDirectory, String run, String output) {
    write(spark, tablesDirectory, List.of(run), output);
  }

  /**
   * The last step of several runs of one directory.
   *
   * @see #write(SparkSession, List, String)
   */
  public static void write(
      SparkSession spark, String tablesDirectory, List<String> runs, String output) {
    write(spark, runs.stream().map(run -> new Source(tablesDirectory, run)).toList(), output);
  }

  /**
   * A run and where its tables lie.
   *
   * @param tablesDirectory on any Hadoop file system
   */
  public record Source(String tablesDirectory, String run) {

    /**
     * The run whose tables a directory holds.
     *
     * @throws MissingTableException when it holds none, or several
     */
    public static Source only(SparkSession spark, String tablesDirectory) {
      List<String> runs = new TableDirectory(spark, tablesDirectory).runs();
      if (runs.size() != 1) {
        throw new MissingTableException(
            "%s has tables of %s, not of one run"
                .formatted(tablesDirectory, runs.isEmpty() ? "no run" : "the runs " + runs));
      }
      return new Source(tablesDirectory, runs.get(0));
    }
  }

  /**
   * The last step of several runs, side by side where that makes sense, and its main charts as PNG
   * files beside it ({@code report.html} has {@code report-experts.png} and so on).
   *
   * @param output the HTML file; replaced if it exists
   * @return what was written, the HTML file first
   * @throws MissingTableException when a run has no table at all, or one of another version; a
   *     single table that is missing is named in the report instead
   */
  public static List<String> write(SparkSession spark, List<Source> runs, String output) {
    if (runs.isEmpty()) {
      throw new IllegalArgumentException("the report needs at least one run");
    }
    List<ReportData> data = new ArrayList<>();
    for (Source source : runs) {
      TableDirectory directory = new TableDirectory(spark, source.tablesDirectory());
      ReportData read = ReportData.read(spark, directory, source.run());
      boolean taken = data.stream().anyMatch(other -> other.run().equals(source.run()));
      data.add(taken ? read.called(source.run() + " of " + source.tablesDirectory()) : read);
    }
    List<String> written = new ArrayList<>();
    save(spark, html(data).getBytes(StandardCharsets.UTF_8), new Path(output));
    written.add(output);
    for (Map.Entry<String, byte[]> chart : ReportCharts.of(data).entrySet()) {
      String file = output.replaceFirst("(\\.html)?$", "-" + chart.getKey() + ".png");
      save(spark, chart.getValue(), new Path(file));
      written.add(file);
    }
    return written;
  }

  static String html(List<ReportData> runs) {
    String title = String.join(" and ", runs.stream().map(ReportData::run).toList());
    Map<String, String> parts =
        Map.of(
            "title", escaped(title),
            "style", resource("report.css"),
            "summary", summary(runs),
            "data", json(runs),
            "charts", resource(ECHARTS).replace("</script", "<\\/script"),
            "script", SCRIPTS.stream().map(Report::resource).collect(Collectors.joining("\n")));
    // One pass: what is filled in is never searched for slots.
    return SLOT.matcher(resource("report.html"))
        .replaceAll(slot -> Matcher.quoteReplacement(parts.get(slot.group(1))));
  }

  private static String summary(List<ReportData> runs) {
    StringBuilder html = new StringBuilder();
    for (ReportData data : runs) {
      Headline headline = Headline.of(data.tables());
      html.append("<article>\n<h2>");
      html.append(runs.size() == 1 ? "In short" : escaped(data.run()));
      html.append("</h2>\n");
      for (String sentence : headline.sentences()) {
        html.append("<p>").append(escaped(sentence)).append("</p>\n");
      }
      if (!headline.experts().isEmpty()) {
        html.append("<ul class=\"belongings\">\n");
        for (Headline.TopExpert expert : headline.bestPerDomain()) {
          html.append("<li><b>").append(escaped(expert.domain())).append("</b> ");
          html.append(escaped(expert.words().replaceFirst("(\\d)x its", "$1× its")));
          html.append("</li>\n");
        }
        html.append("</ul>\n");
      }
      for (String table : data.missing()) {
        html.append("<p class=\"missing\">The table <code>").append(escaped(table));
        html.append("</code> of run ").append(escaped(data.run()));
        html.append(" is missing; what it would show is left out.</p>\n");
      }
      html.append("</article>\n");
    }
    return html.toString();
  }

  /** Safe inside a script element: no {@code <} is left that could close it. */
  private static String json(List<ReportData> runs) {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode root = mapper.createObjectNode();
    ArrayNode list = root.putArray("runs");
    runs.forEach(data -> list.add(data.toJson(mapper)));
    try {
      return mapper
          .writeValueAsString(root)
          .replace("<", "\\u003c")
          .replace("\u2028", "\\u2028")
          .replace("\u2029", "\\u2029");
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }

  private static String resource(String name) {
    try (InputStream in = Report.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("not on the classpath: " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Beside the target first, so that no half report is ever found. */
  private static void save(SparkSession spark, byte[] content, Path output) {
    Path staging = new Path(output.getParent(), "." + output.getName() + ".writing");
    try {
      FileSystem files = output.getFileSystem(spark.sessionState().newHadoopConf());
      try (OutputStream out = files.create(staging, true)) {
        out.write(content);
      }
      TableDirectory.replace(files, staging, output);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write %s: %s".formatted(output, e.getMessage()), e);
    }
  }
}
