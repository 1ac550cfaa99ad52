package org.metier.analysis;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/** The tables of one or more runs as one {@link HtmlPage}. */
public final class Report {
  private static final List<String> SCRIPTS =
      List.of("report.js", "report-experts.js", "report-training.js", "report-start.js");

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
    HtmlPage.save(spark, html(data), new Path(output));
    written.add(output);
    for (Map.Entry<String, byte[]> chart : ReportCharts.of(data).entrySet()) {
      String file = output.replaceFirst("(\\.html)?$", "-" + chart.getKey() + ".png");
      HtmlPage.save(spark, chart.getValue(), new Path(file));
      written.add(file);
    }
    return written;
  }

  static String html(List<ReportData> runs) {
    ObjectNode data = HtmlPage.JSON.createObjectNode();
    ArrayNode list = data.putArray("runs");
    runs.forEach(run -> list.add(run.toJson(HtmlPage.JSON)));
    String title = String.join(" and ", runs.stream().map(ReportData::run).toList());
    return HtmlPage.of("report.html", SCRIPTS, title, summary(runs), data);
  }

  private static String summary(List<ReportData> runs) {
    StringBuilder html = new StringBuilder();
    for (ReportData data : runs) {
      Headline headline = Headline.of(data.tables());
      html.append("<article>\n<h2>");
      html.append(runs.size() == 1 ? "In short" : HtmlPage.escaped(data.run()));
      html.append("</h2>\n");
      for (String sentence : headline.sentences()) {
        html.append("<p>").append(HtmlPage.escaped(sentence)).append("</p>\n");
      }
      if (!headline.experts().isEmpty()) {
        html.append("<ul class=\"belongings\">\n");
        for (Headline.TopExpert expert : headline.bestPerDomain()) {
          html.append("<li><b>").append(HtmlPage.escaped(expert.domain())).append("</b> ");
          html.append(HtmlPage.escaped(expert.words().replaceFirst("(\\d)x its", "$1× its")));
          html.append("</li>\n");
        }
        html.append("</ul>\n");
      }
      for (String table : data.missing()) {
        html.append("<p class=\"missing\">The table <code>").append(HtmlPage.escaped(table));
        html.append("</code> of run ").append(HtmlPage.escaped(data.run()));
        html.append(" is missing; what it would show is left out.</p>\n");
      }
      html.append("</article>\n");
    }
    return html.toString();
  }
}
