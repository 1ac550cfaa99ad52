package org.metier.prep;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.prep.document.Step;
import org.metier.prep.read.DocumentSource;
import org.metier.prep.read.FileSlice;
import org.metier.prep.read.InputFiles;
import org.metier.prep.read.ReadCounts;
import org.metier.prep.read.ReadOutcomes;
import org.metier.prep.read.RecordFile;
import org.metier.prep.report.PrepareTables;
import org.metier.prep.report.StepCounts;

/**
 * Reads every record of the input once, and leaves what became of it beside the output. A task of
 * reading that an earlier run has completed is not done again.
 */
final class ReadStage {
  private static final long MAX_SLICE_BYTES = 64L << 20;
  private static final long MIN_SLICE_BYTES = 1L << 16;

  private final JavaSparkContext spark;
  private final PrepareConfig config;
  private final Configuration hadoop;
  private final Stages stages;
  private final int partitions;

  ReadStage(JavaSparkContext spark, PrepareConfig config, Stages stages, int partitions) {
    this.spark = spark;
    this.config = config;
    this.hadoop = spark.hadoopConfiguration();
    this.stages = stages;
    this.partitions = partitions;
  }

  /**
   * Reads what an earlier run has not read yet, and writes and counts what was rejected.
   *
   * @throws BadDataException if the input is not what the configuration takes it for
   */
  ReadRecords run(InputFiles input, PreparedDirectory output, PrepareTables tables) {
    List<List<FileSlice>> tasks = tasks(input);
    String directory = output.records().toString();
    ReadCounts counts = read(tasks, directory, input.bytes());
    SerializableConfiguration conf = new SerializableConfiguration(hadoop);
    JavaRDD<byte[]> blocks =
        numbers(tasks.size())
            .flatMap(
                task ->
                    RecordFile.blocks(
                        new Path(directory, RecordFile.fileName(task)), conf.value()));
    ReadRecords records = new ReadRecords(blocks, counts);
    account(records, tables);
    new ReadCheck(config, input, hadoop).require(counts, tables.rejected());
    return records;
  }

  private ReadCounts read(List<List<FileSlice>> tasks, String directory, long total) {
    DocumentSource source = new DocumentSource(config, hadoop);
    SerializableConfiguration conf = new SerializableConfiguration(hadoop);
    LongAccumulator bytes = spark.sc().longAccumulator();
    return stages.run(
        "read",
        total,
        "bytes",
        bytes::sum,
        () -> {
          ReadCounts sum = new ReadCounts();
          spark
              .parallelize(tasks, tasks.size())
              .mapPartitionsWithIndex(
                  (task, slices) -> {
                    Path file = new Path(directory, RecordFile.fileName(task));
                    if (!file.getFileSystem(conf.value()).exists(file)) {
                      Iterator<FileSlice> all = slices.next().iterator();
                      ReadOutcomes outcomes =
                          new ReadOutcomes(all, source, slice -> bytes.add(slice.length()));
                      RecordFile.write(file, outcomes, conf.value());
                    }
                    return List.of(RecordFile.counts(file, conf.value())).iterator();
                  },
                  false)
              .collect()
              .forEach(sum::add);
          return sum;
        },
        read -> String.format("%,d records, %,d documents", read.records(), read.documents()));
  }

  private JavaRDD<Integer> numbers(int count) {
    return spark.parallelize(IntStream.range(0, count).boxed().toList(), count);
  }

  /** Every record that was met is a document or a row of {@code rejected}. */
  private static void account(ReadRecords records, PrepareTables tables) {
    ReadCounts read = records.counts();
    for (Step step : List.of(Step.READ, Step.CLEAN)) {
      tables.reject(step, records.rejected(step), read.rejected(step));
    }
    StepCounts counts = tables.counts();
    read.byDomain().forEach((domain, size) -> counts.read(domain, size.documents()));
    read.rejectedByDomain()
        .forEach((domain, reasons) -> reasons.values().forEach(n -> counts.read(domain, n)));
    long accounted = read.documents() + counts.rejected().values().stream().mapToLong(n -> n).sum();
    if (read.records() != accounted || !read.rejected().equals(counts.rejected())) {
      throw new BadDataException(
          String.format(
              "prepare.input: %,d records were met, but %,d are accounted for: did the input change"
                  + " while it was read?",
              read.records(), accounted));
    }
  }

  /** The slices of the input, small ones together. */
  private List<List<FileSlice>> tasks(InputFiles input) {
    long wanted = input.bytes() / partitions;
    long sliceBytes = Math.max(MIN_SLICE_BYTES, Math.min(MAX_SLICE_BYTES, wanted));
    List<List<FileSlice>> tasks = new ArrayList<>();
    long bytes = sliceBytes; // of the last task: the first slice begins one
    for (FileSlice slice : input.slices(sliceBytes)) {
      if (bytes + slice.length() > sliceBytes) {
        tasks.add(new ArrayList<>());
        bytes = 0;
      }
      tasks.get(tasks.size() - 1).add(slice);
      bytes += slice.length();
    }
    if (tasks.isEmpty()) {
      tasks.add(new ArrayList<>()); // files without a byte
    }
    return tasks;
  }
}
