package org.metier.analysis;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/** The tables of one or more runs as one {@link HtmlPage}. */
public final class Report {
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
   * The last step of several runs, side by side where that makes sense.
   *
   * @param output the HTML file; replaced if it exists
   * @throws MissingTableException when a run has no table at all, or one of another version; a
   *     single table that is missing is named in the report instead
   */
  public static void write(
      SparkSession spark, String tablesDirectory, List<String> runs, String output) {
    if (runs.isEmpty()) {
      throw new IllegalArgumentException("the report needs at least one run");
    }
    TableDirectory directory = new TableDirectory(spark, tablesDirectory);
    List<ReportData> data = new ArrayList<>();
    for (String run : runs) {
      data.add(ReportData.read(spark, directory, run));
    }
    HtmlPage.save(spark, html(data), new Path(output));
  }

  static String html(List<ReportData> runs) {
    ObjectNode data = HtmlPage.JSON.createObjectNode();
    ArrayNode list = data.putArray("runs");
    runs.forEach(run -> list.add(run.toJson(HtmlPage.JSON)));
    String title = String.join(" and ", runs.stream().map(ReportData::run).toList());
    return HtmlPage.of("report", title, summary(runs), data);
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
