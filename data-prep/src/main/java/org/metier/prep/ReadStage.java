package org.metier.prep;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import org.metier.prep.document.OutcomeBlocks;
import org.metier.prep.document.Step;
import org.metier.prep.read.DocumentSource;
import org.metier.prep.read.FileSlice;
import org.metier.prep.read.InputFiles;
import org.metier.prep.read.ReadCounts;
import org.metier.prep.read.ReadOutcomes;
import org.metier.prep.report.PrepareTables;
import org.metier.prep.report.StepCounts;
import scala.Tuple2;

/** Reads every record of the input once, and leaves what became of it on the executors' disks. */
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
   * Reads the input, and writes and counts what was rejected.
   *
   * @throws BadDataException if it is not what the configuration takes it for
   */
  ReadRecords run(InputFiles input, PrepareTables tables) {
    DocumentSource source = new DocumentSource(config, hadoop);
    LongAccumulator bytes = spark.sc().longAccumulator();
    ByPartition<ReadCounts> counts = new ByPartition<>();
    spark.sc().register(counts);
    JavaRDD<byte[]> blocks =
        slices(input)
            .mapPartitionsWithIndex(
                (partition, slices) ->
                    OutcomeBlocks.encode(
                        new ReadOutcomes(
                            slices,
                            source,
                            slice -> bytes.add(slice.length()),
                            met -> counts.add(new Tuple2<>(partition, met)))),
                false)
            .persist(StorageLevel.DISK_ONLY());
    ReadCounts sum =
        stages.run(
            "read",
            input.bytes(),
            "bytes",
            bytes::sum,
            () -> {
              blocks.count();
              ReadCounts total = new ReadCounts();
              counts.value().forEach(total::add);
              return total;
            },
            read -> String.format("%,d records, %,d documents", read.records(), read.documents()));
    ReadRecords records = new ReadRecords(blocks, sum);
    try {
      account(records, tables);
      new ReadCheck(config, input, hadoop).require(sum, tables.rejected());
    } catch (RuntimeException e) {
      records.close();
      throw e;
    }
    return records;
  }

  /** Every record that was met is a document or a row of {@code rejected}. */
  private static void account(ReadRecords records, PrepareTables tables) {
    ReadCounts read = records.counts();
    Map<Step, Long> totals = new EnumMap<>(Step.class);
    read.rejected().forEach((reason, count) -> totals.merge(reason.step(), count, Long::sum));
    for (Step step : List.of(Step.READ, Step.CLEAN)) {
      tables.reject(step, records.rejected(step), totals.getOrDefault(step, 0L));
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

  private JavaRDD<FileSlice> slices(InputFiles input) {
    long wanted = input.bytes() / partitions;
    List<FileSlice> slices =
        input.slices(Math.max(MIN_SLICE_BYTES, Math.min(MAX_SLICE_BYTES, wanted)));
    return spark.parallelize(slices, Math.max(1, slices.size()));
  }
}
