package org.metier.prep.report;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Rejected;
import org.metier.prep.document.Step;
import org.metier.prep.pack.ByNumber;
import org.metier.prep.read.InputFiles;
import org.metier.prep.read.InputFiles.InputFile;
import scala.Tuple2;

/**
 * The tables {@code rejected} and {@code prep_report} below a directory. Each step that lets
 * records go hands them in here: they are counted as they are written, and the counts are what the
 * report is made of.
 */
public final class PrepareTables {
  /** Rows of {@code rejected} in one file, about. */
  private static final long ROWS_PER_PART = 1 << 20;

  private final JavaSparkContext spark;
  private final Path directory;
  private final List<String> files;
  private final StepCounts counts = new StepCounts();

  public PrepareTables(JavaSparkContext spark, Path directory, InputFiles input) {
    this.spark = spark;
    this.directory = directory;
    this.files = input.files().stream().map(InputFile::name).toList();
  }

  /** What has been counted so far. */
  public StepCounts counts() {
    return counts;
  }

  /** Directory of the rejected records. */
  public Path rejected() {
    return new Path(directory, RejectedRow.TABLE);
  }

  /**
   * Writes and counts the records that left at a step.
   *
   * @param total how many they are
   */
  public void reject(Step step, JavaRDD<Rejected> rejected, long total) {
    int parts = (int) (1 + Math.max(0, total - 1) / ROWS_PER_PART);
    JavaRDD<Rejected> records = total == 0 ? spark.emptyRDD() : rejected;
    Path path = new Path(rejected(), "step=" + step.label());
    String target = path.toString();
    List<String> names = files;
    SerializableConfiguration hadoop = new SerializableConfiguration(spark.hadoopConfiguration());
    records
        .mapToPair(record -> new Tuple2<>(new RejectedKey(record, parts), record))
        .repartitionAndSortWithinPartitions(new ByNumber<>(parts, RejectedKey::part))
        .values()
        .mapPartitionsWithIndex(
            (part, rows) ->
                List.of(write(new Path(target), part, rows, names, hadoop.value())).iterator(),
            true)
        .collect()
        .forEach(
            ofPart ->
                ofPart.forEach(
                    (domain, reasons) ->
                        reasons.forEach((reason, n) -> counts.reject(reason, domain, n))));
  }

  private static TreeMap<String, EnumMap<RejectReason, Long>> write(
      Path directory,
      int part,
      Iterator<Rejected> records,
      List<String> files,
      Configuration hadoop)
      throws IOException {
    TreeMap<String, EnumMap<RejectReason, Long>> written = new TreeMap<>();
    Iterator<Object[]> rows =
        new Iterator<>() {
          @Override
          public boolean hasNext() {
            return records.hasNext();
          }

          @Override
          public Object[] next() {
            Rejected record = records.next();
            written
                .computeIfAbsent(record.domain(), domain -> new EnumMap<>(RejectReason.class))
                .merge(record.reason(), 1L, Long::sum);
            return RejectedRow.of(record, files.get(record.file())).values();
          }
        };
    Path file = new Path(directory, ParquetTable.fileName(part));
    long attempt = TaskContext.get().taskAttemptId();
    new ParquetTable(RejectedRow.SCHEMA).write(file, attempt, rows, hadoop);
    return written;
  }

  /** Writes {@code prep_report}. */
  public List<StepRow> writeReport() {
    List<StepRow> rows = counts.rows();
    Path file = new Path(new Path(directory, StepRow.TABLE), ParquetTable.fileName(0));
    Iterator<Object[]> values = rows.stream().map(StepRow::values).iterator();
    try {
      new ParquetTable(StepRow.SCHEMA).write(file, 0, values, spark.hadoopConfiguration());
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be written", e);
    }
    return rows;
  }
}
