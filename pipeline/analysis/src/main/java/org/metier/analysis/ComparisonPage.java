package org.metier.analysis;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/** A comparison as one {@link HtmlPage}: bars with every seed's dot, curves, domains, numbers. */
public final class ComparisonPage {
  private ComparisonPage() {}

  /**
   * @param title of the page
   * @param output the HTML file; replaced if it exists
   */
  public static void write(SparkSession spark, Comparison comparison, String title, String output) {
    HtmlPage.save(spark, html(comparison, title), new Path(output));
  }

  static String html(Comparison comparison, String title) {
    return HtmlPage.of(
        "comparison.html", List.of("comparison.js"), title, summary(comparison), data(comparison));
  }

  private static String summary(Comparison comparison) {
    StringBuilder html = new StringBuilder();
    int seeds = comparison.cells().get(comparison.baseline()).size();
    html.append(
        "<p>%d cells, %s. The runs of one seed share initial parameters and data, so that cells are"
            .formatted(
                comparison.cells().size(), seeds == 1 ? "one seed each" : seeds + " seeds each"));
    html.append(" compared with <b>")
        .append(HtmlPage.escaped(comparison.baseline()))
        .append("</b> seed by seed.</p>\n<ul class=\"belongings\">\n");
    for (Comparison.Difference d : comparison.differences()) {
      html.append("<li><b>").append(HtmlPage.escaped(d.cell())).append("</b> ");
      html.append(HtmlPage.escaped(words(d))).append("</li>\n");
    }
    return html.append("</ul>\n").toString();
  }

  /** "loses 0.009 ± 0.004 nats less (3 of 3 seeds) and has 4.3 times the mutual information". */
  private static String words(Comparison.Difference d) {
    Spread loss = Spread.of(d.loss());
    String interval =
        Double.isNaN(loss.halfWidth())
            ? ""
            : String.format(Locale.ROOT, " ± %.4f", loss.halfWidth());
    return String.format(
        Locale.ROOT,
        "loses %.4f%s nats %s (lower in %d of %d) and has %.1f times the mutual information",
        Math.abs(loss.mean()),
        interval,
        loss.mean() < 0 ? "less" : "more",
        d.lower(),
        d.loss().length,
        Comparison.geometricMean(d.informationRatio()));
  }

  private static ObjectNode data(Comparison comparison) {
    ObjectNode root = HtmlPage.JSON.createObjectNode();
    root.put("baseline", comparison.baseline());
    List<String> domains = comparison.cells().get(comparison.baseline()).get(0).domains();
    domains.forEach(root.putArray("domains")::add);
    ArrayNode cells = root.putArray("cells");
    comparison
        .cells()
        .forEach(
            (cell, runs) -> {
              ObjectNode json = cells.addObject();
              json.put("cell", cell);
              json.put("options", String.join(" ", runs.get(0).options()));
              ArrayNode list = json.putArray("runs");
              runs.forEach(run -> put(list.addObject(), run, domains));
            });
    return root;
  }

  private static void put(ObjectNode json, ComparedRun run, List<String> domains) {
    json.put("seed", run.seed());
    json.put("loss", ReportData.rounded(run.loss()));
    json.put("information", ReportData.rounded(run.mutualInformation()));
    json.put("informationLow", ReportData.rounded(run.mutualInformationLow()));
    json.put("informationHigh", ReportData.rounded(run.mutualInformationHigh()));
    json.put("frequency", ReportData.rounded(run.highestDomainFrequency()));
    json.put("score", ReportData.rounded(run.scoreSum()));
    json.put("microBatch", ReportData.rounded(run.maxVioMicroBatch()));
    json.put("batch", ReportData.rounded(run.maxVioBatch()));
    json.put("heldOut", ReportData.rounded(run.maxVioHeldOut()));
    json.put("dead", run.deadExperts());
    json.put("milliseconds", ReportData.rounded(1e3 * run.training().secondsPerStep()));
    ArrayNode losses = json.putArray("domains");
    domains.forEach(domain -> losses.add(ReportData.rounded(run.loss(domain))));
    put(json.putArray("steps"), run.training().step());
    put(json.putArray("curve"), run.training().loss());
    put(json.putArray("violation"), run.training().maxVioBatch());
  }

  private static void put(ArrayNode array, double[] values) {
    for (double value : values) {
      array.add(ReportData.rounded(value));
    }
  }
}
