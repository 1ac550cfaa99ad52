package org.metier.jobs;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.metier.analysis.MissingTableException;

/** The tables of some runs, by name. */
final class RunTables {
  private final SparkSession spark;
  private final Map<String, List<String>> directories;

  private RunTables(SparkSession spark, Map<String, List<String>> directories) {
    this.spark = spark;
    this.directories = directories;
  }

  /**
   * @param runs the runs' directories
   * @throws MissingTableException if one of them has no tables
   */
  static RunTables of(SparkSession spark, List<String> runs) throws IOException {
    Map<String, List<String>> directories = new TreeMap<>();
    for (String run : runs) {
      Path tables = new Path(run, "tables");
      FileSystem files = tables.getFileSystem(spark.sparkContext().hadoopConfiguration());
      if (!files.exists(tables)) {
        throw new MissingTableException(
            tables + ": no tables; metier train and metier analyze write them");
      }
      for (FileStatus table : files.listStatus(tables)) {
        String name = table.getPath().getName();
        if (table.isDirectory() && Character.isLetter(name.charAt(0))) {
          directories
              .computeIfAbsent(name, absent -> new ArrayList<>())
              .add(table.getPath().toString());
        }
      }
    }
    return new RunTables(spark, directories);
  }

  List<String> names() {
    return List.copyOf(directories.keySet());
  }

  /** Every table that any of the runs has becomes a view over all of them. */
  void createViews() {
    directories.forEach(
        (table, paths) ->
            paths.stream()
                // steps that were analysed by different versions may have different columns
                .map(path -> spark.read().option("mergeSchema", "true").parquet(path))
                .reduce((Dataset<Row> all, Dataset<Row> more) -> all.unionByName(more, true))
                .orElseThrow()
                .createOrReplaceTempView(table));
  }

  /**
   * Creates the tables in a database of the session's catalog, where they lie; of those that are
   * there already, finds new partitions.
   *
   * @return what was run, statement by statement
   */
  List<String> register(String database) {
    List<String> statements = new ArrayList<>();
    statements.add("CREATE DATABASE IF NOT EXISTS " + database);
    directories.forEach(
        (table, paths) -> {
          String name = database + "." + table;
          String location = paths.get(0).replace("'", "\\'");
          statements.add(
              "CREATE TABLE IF NOT EXISTS %s USING PARQUET LOCATION '%s'"
                  .formatted(name, location));
          statements.add("MSCK REPAIR TABLE " + name);
        });
    statements.forEach(spark::sql);
    return statements;
  }
}
