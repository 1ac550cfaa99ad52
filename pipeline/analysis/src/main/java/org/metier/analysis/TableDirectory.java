package org.metier.analysis;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * Tables as Parquet, partitioned by run and step: {@code
 * <directory>/<table>/run=<id>/step=<n>/part-00000.parquet}.
 *
 * <p>A partition is one file with a fixed name. It is written aside and moved over the old one in
 * one rename, so that a reader finds the old table or the new one, and never both or half of one.
 */
public final class TableDirectory {
  private static final Pattern RUN = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*");
  private static final String FILE = "part-00000.parquet";

  private final SparkSession spark;
  private final Path directory;

  public TableDirectory(SparkSession spark, String directory) {
    this.spark = spark;
    this.directory = new Path(directory);
  }

  /** Writes or replaces the partition of one run and step. */
  public void write(String table, String run, long step, Dataset<Row> rows) {
    Path target = new Path(partition(table, checked(run)), "step=" + step);
    Path staging = new Path(directory, "_staging-" + UUID.randomUUID());
    try {
      FileSystem files = directory.getFileSystem(configuration());
      try {
        rows.coalesce(1).write().parquet(staging.toString());
        files.mkdirs(target);
        replace(files, onlyFile(files, staging), new Path(target, FILE));
      } finally {
        files.delete(staging, true);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write %s: %s".formatted(target, e.getMessage()), e);
    }
  }

  /** The same from rows that are at hand. */
  public void write(String table, String run, long step, List<Row> rows, StructType schema) {
    write(table, run, step, spark.createDataFrame(rows, schema));
  }

  /**
   * Writes or replaces the partition of one run and step as one file per task, for what is too much
   * for one. It is moved into place when it is whole; for a moment before that there is none.
   */
  public void writeParts(String table, String run, long step, Dataset<Row> rows) {
    Path target = new Path(partition(table, checked(run)), "step=" + step);
    Path staging = new Path(directory, "_staging-" + UUID.randomUUID());
    try {
      FileSystem files = directory.getFileSystem(configuration());
      try {
        rows.write().parquet(staging.toString());
        files.mkdirs(target.getParent());
        files.delete(target, true);
        if (!files.rename(staging, target)) {
          throw new IOException("cannot rename %s to %s".formatted(staging, target));
        }
      } finally {
        files.delete(staging, true);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write %s: %s".formatted(target, e.getMessage()), e);
    }
  }

  /**
   * The rows of one run and step, without these two columns, in the order they were written.
   *
   * @throws MissingTableException when they are not there or were written with other columns
   */
  public Dataset<Row> read(String table, String run, long step, StructType schema) {
    Path path = new Path(partition(table, run), "step=" + step);
    if (!has(table, run, step)) {
      throw new MissingTableException(
          "no table %s of run %s, step %d in %s".formatted(table, run, step, directory));
    }
    Dataset<Row> rows = parquet(path);
    try {
      return RoutingSchema.conform(table, rows, schema);
    } catch (IllegalArgumentException e) {
      throw new MissingTableException(
          "%s was written by another version: %s; metier analyze writes it anew"
              .formatted(path, e.getMessage()));
    }
  }

  /** All rows of a run in a table that others write, with the columns it happens to have. */
  Dataset<Row> readRun(String table, String run) {
    return parquet(partition(table, run));
  }

  /** Whether there is anything of this run in the table. */
  public boolean has(String table, String run) {
    return exists(partition(table, run));
  }

  /** Whether the table has this step of this run. */
  public boolean has(String table, String run, long step) {
    return exists(new Path(partition(table, run), "step=" + step));
  }

  /** The last step of a run in a table; empty when there is none. */
  public OptionalLong lastStep(String table, String run) {
    return list(partition(table, run)).stream()
        .filter(name -> name.startsWith("step="))
        .mapToLong(name -> Long.parseLong(name.substring("step=".length())))
        .max();
  }

  /** The runs of a table, in alphabetical order. */
  public List<String> runs(String table) {
    return list(new Path(directory, table)).stream()
        .filter(name -> name.startsWith("run="))
        .map(name -> name.substring("run=".length()))
        .sorted()
        .toList();
  }

  /** The runs of all tables, in alphabetical order. */
  public List<String> runs() {
    return list(directory).stream()
        .filter(table -> Character.isLetter(table.charAt(0)))
        .flatMap(table -> runs(table).stream())
        .distinct()
        .sorted()
        .toList();
  }

  private Dataset<Row> parquet(Path path) {
    try {
      return spark.read().parquet(path.toString());
    } catch (Exception e) {
      // Spark's own exceptions are checked, though nothing declares them; the footer is read here.
      throw new MissingTableException(
          "cannot read %s: %s".formatted(path, e.getMessage().lines().findFirst().orElse("")));
    }
  }

  private Path partition(String table, String run) {
    return new Path(new Path(directory, table), "run=" + run);
  }

  @Override
  public String toString() {
    return directory.toString();
  }

  private static String checked(String run) {
    if (!RUN.matcher(run).matches()) {
      throw new IllegalArgumentException(
          "run may hold letters, digits, '.', '_' and '-' only, is '%s'".formatted(run));
    }
    return run;
  }

  private static Path onlyFile(FileSystem files, Path staging) throws IOException {
    for (FileStatus status : files.listStatus(staging)) {
      if (status.getPath().getName().endsWith(".parquet")) {
        return status.getPath();
      }
    }
    throw new IOException("Spark wrote no Parquet file into " + staging);
  }

  /**
   * One rename. A local disk's checksum file would be a second one, so that it is left behind;
   * {@link FileContext} would delete and then rename there, while HDFS offers the overwriting
   * rename only through it.
   */
  static void replace(FileSystem files, Path from, Path to) throws IOException {
    if (files instanceof LocalFileSystem local) {
      files.delete(local.getChecksumFile(from), false);
      if (!local.getRawFileSystem().rename(from, to)) {
        throw new IOException("cannot rename %s to %s".formatted(from, to));
      }
    } else {
      FileContext.getFileContext(files.getUri(), files.getConf())
          .rename(from, to, Options.Rename.OVERWRITE);
    }
  }

  private boolean exists(Path path) {
    try {
      return path.getFileSystem(configuration()).exists(path);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read %s: %s".formatted(path, e.getMessage()), e);
    }
  }

  private List<String> list(Path path) {
    List<String> names = new ArrayList<>();
    try {
      for (FileStatus status : path.getFileSystem(configuration()).listStatus(path)) {
        names.add(status.getPath().getName());
      }
    } catch (FileNotFoundException absent) {
      return names;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read %s: %s".formatted(path, e.getMessage()), e);
    }
    return names;
  }

  private Configuration configuration() {
    return spark.sessionState().newHadoopConf();
  }
}
