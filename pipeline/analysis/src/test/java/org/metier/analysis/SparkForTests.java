package org.metier.analysis;

import org.apache.spark.sql.SparkSession;

/** One Spark session for all tests of the module. */
final class SparkForTests {
  static final SparkSession SPARK =
      SparkSession.builder()
          .master("local[2]")
          .appName("metier-analysis-tests")
          .config("spark.ui.enabled", "false")
          .config("spark.sql.shuffle.partitions", "2")
          // Compiling each plan costs more than running it over a few hundred rows.
          .config("spark.sql.codegen.wholeStage", "false")
          .config("spark.driver.host", "localhost")
          .getOrCreate();

  private SparkForTests() {}
}
