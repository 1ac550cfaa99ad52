package org.metier.jobs;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.metier.analysis.MissingTableException;
import org.metier.jobs.config.InvalidConfigException;
import org.metier.jobs.config.QueryConfig;

/** {@code metier query}: one of conf/sql's queries over the tables of one run or several. */
public final class QueryJob implements Job {

  public static void main(String[] args) {
    Main.main(new QueryJob(), args);
  }

  @Override
  public String name() {
    return "query";
  }

  @Override
  public String purpose() {
    return "Runs a query of conf/sql over the tables of runs and prints a Markdown table.";
  }

  @Override
  public void run(JobContext context) throws IOException {
    QueryConfig config = context.settings().query();
    String sql = sql(config.name());
    SparkSession spark = context.spark();
    register(spark, config.runs());
    print(context.out(), spark.sql(sql));
  }

  private static String sql(String name) throws IOException {
    Path file =
        name.endsWith(".sql") ? Path.of(name) : JobCommand.inHome("conf/sql/" + name + ".sql");
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      throw new InvalidConfigException("query.name: " + file + ": no such file");
    }
  }

  /** Every table that any of the runs has becomes a view over all of them. */
  private static void register(SparkSession spark, List<String> runs) throws IOException {
    Map<String, Dataset<Row>> views = new TreeMap<>();
    for (String run : runs) {
      var directory = new org.apache.hadoop.fs.Path(run, "tables");
      FileSystem files = directory.getFileSystem(spark.sparkContext().hadoopConfiguration());
      if (!files.exists(directory)) {
        throw new MissingTableException(
            directory + ": no tables; metier train and metier analyze write them");
      }
      for (FileStatus table : files.listStatus(directory)) {
        if (table.isDirectory() && !table.getPath().getName().startsWith(".")) {
          Dataset<Row> rows = spark.read().parquet(table.getPath().toString());
          views.merge(table.getPath().getName(), rows, (all, more) -> all.unionByName(more, true));
        }
      }
    }
    views.forEach((table, rows) -> rows.createOrReplaceTempView(table));
  }

  private static void print(PrintStream out, Dataset<Row> rows) {
    String[] columns = rows.columns();
    out.println("| " + String.join(" | ", columns) + " |");
    out.println("|" + String.join("", Collections.nCopies(columns.length, "---|")));
    for (Row row : rows.collectAsList()) {
      StringBuilder line = new StringBuilder("|");
      for (int c = 0; c < columns.length; c++) {
        line.append(' ').append(cell(row.get(c))).append(" |");
      }
      out.println(line);
    }
  }

  private static String cell(Object value) {
    if (value == null) {
      return "";
    }
    return value instanceof Double number
        ? String.format(Locale.ROOT, "%.4f", number)
        : value.toString();
  }
}
