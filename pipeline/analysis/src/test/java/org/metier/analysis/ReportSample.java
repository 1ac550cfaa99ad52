package org.metier.analysis;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Writes reports of made-up runs into the directory given as the only argument, to look at. */
final class ReportSample {
  private ReportSample() {}

  public static void main(String[] arguments) throws Exception {
    Path directory = Files.createDirectories(Path.of(arguments[0]));
    Synthetic corpus = new Synthetic(4, 16, 2, Synthetic.DOMAINS, 640, 64, 3);
    Tables round = corpus.tables(1.6, AnalyzeConfig.DEFAULT);
    round.write(directory.toString(), "quickstart", 1200);
    new Synthetic(4, 16, 2, Synthetic.DOMAINS, 640, 64, 4)
        .tables(0.4, AnalyzeConfig.DEFAULT)
        .write(directory.toString(), "micro-batch", 1200);
    ReportTest.writeMetrics(directory, "quickstart", 60);
    ReportTest.writeMetrics(directory, "micro-batch", 45);
    new Synthetic(12, 64, 8, Synthetic.DOMAINS, 320, 128, 5)
        .tables(1.2)
        .write(directory.toString(), "wide", 50_000);
    System.out.println(Headline.of(round).text());
    String tables = directory.toString();
    Report.write(SparkForTests.SPARK, tables, "quickstart", tables + "/one.html");
    Report.write(
        SparkForTests.SPARK, tables, List.of("quickstart", "micro-batch"), tables + "/two.html");
    Report.write(SparkForTests.SPARK, tables, "wide", tables + "/wide.html");
  }
}
