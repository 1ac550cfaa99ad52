package org.metier.jobs;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.parser.ParseException;
import org.metier.analysis.MissingTableException;
import org.metier.jobs.config.InvalidConfigException;
import org.metier.jobs.config.SqlConfig;

/** {@code metier sql}: a query of conf/sql, or one of your own, over the tables of runs. */
public final class SqlJob implements Job {

  public static void main(String[] args) {
    Main.main(new SqlJob(), args);
  }

  @Override
  public String name() {
    return "sql";
  }

  @Override
  public String purpose() {
    return "Runs SQL over the tables of runs and prints a Markdown table; lists the ready queries.";
  }

  @Override
  public Optional<Argument> argument() {
    return Optional.of(
        new Argument("SQL", "a SELECT over the tables", sql -> List.of("sql.statement=" + sql)));
  }

  @Override
  public List<Value> values() {
    return List.of(
        new Value("--run", "DIR", "a run's directory; several give one view", SqlJob::runs),
        new Value("--query", "NAME", "a query of conf/sql", names -> last("sql.query=", names)),
        new Value(
            "--register",
            "DATABASE",
            "create the run's tables in this database of Spark's catalog (Hive, Glue, ...)",
            names -> last("sql.register=", names)));
  }

  @Override
  public boolean onlyLooks() {
    return true;
  }

  private static List<String> runs(List<String> directories) {
    String list =
        directories.stream()
            .map(run -> '"' + run.replace("\\", "\\\\").replace("\"", "\\\"") + '"')
            .collect(Collectors.joining(",", "[", "]"));
    return List.of("sql.runs=" + list);
  }

  private static List<String> last(String key, List<String> values) {
    return List.of(key + values.get(values.size() - 1));
  }

  @Override
  public void run(JobContext context) throws IOException {
    SqlConfig config = context.settings().sql();
    Optional<String> sql = sql(config);
    if (sql.isEmpty() && config.register().isBlank()) {
      printQueries(context.out());
      return;
    }
    RunTables tables = RunTables.of(context.spark(), config.runs());
    if (!config.register().isBlank()) {
      tables.register(config.register()).forEach(context.out()::println);
    }
    if (sql.isPresent()) {
      tables.createViews();
      print(context.out(), rows(context, sql.get(), tables));
    }
  }

  private static Optional<String> sql(SqlConfig config) throws IOException {
    if (config.query().isBlank()) {
      return Optional.of(config.statement()).filter(statement -> !statement.isBlank());
    }
    String name = config.query();
    Path file =
        name.endsWith(".sql") ? Path.of(name) : JobCommand.inHome("conf/sql/" + name + ".sql");
    try {
      return Optional.of(Files.readString(file));
    } catch (NoSuchFileException e) {
      throw new InvalidConfigException(
          "sql.query: " + file + ": no such file; metier sql lists the queries");
    }
  }

  /** Each query's name and its first comment line. */
  private static void printQueries(PrintStream out) throws IOException {
    try (Stream<Path> files = Files.list(JobCommand.inHome("conf/sql"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".sql")).sorted().toList()) {
        String name = file.getFileName().toString().replaceFirst("\\.sql$", "");
        String comment = Files.readAllLines(file).get(0).replaceFirst("^--\\s*", "");
        out.printf("%-24s %s%n", name, comment);
      }
    }
  }

  private static Dataset<Row> rows(JobContext context, String sql, RunTables tables) {
    try {
      return context.spark().sql(sql);
    } catch (Exception e) { // Spark's are checked, but nothing declares them
      String line = String.valueOf(e.getMessage()).strip().lines().findFirst().orElse("");
      if (e instanceof ParseException) {
        throw new InvalidConfigException("sql: " + line);
      } else if (e instanceof AnalysisException) {
        throw new MissingTableException(
            "%s The runs have the tables %s; metier analyze writes those that are missing or older."
                .formatted(line, String.join(", ", tables.names())));
      }
      throw e;
    }
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

  /** Bars and line ends would break the table. */
  private static String cell(Object value) {
    if (value == null) {
      return "";
    }
    return value instanceof Double number
        ? String.format(Locale.ROOT, "%.4f", number)
        : value.toString().replace("|", "\\|").replace("\n", "\\n").replace("\r", "\\r");
  }
}
