package org.metier.prep;

import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import org.metier.prep.document.OutcomeBlocks;
import org.metier.prep.read.DocumentSource;
import org.metier.prep.read.FileSlice;
import org.metier.prep.read.InputFiles;
import org.metier.prep.read.ReadCounts;
import org.metier.prep.read.ReadOutcomes;
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
   * Reads the input.
   *
   * @throws BadDataException if it is not what the configuration takes it for
   */
  ReadRecords run(InputFiles input) {
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
      new ReadCheck(config, input, hadoop).require(sum);
    } catch (BadDataException e) {
      records.close();
      throw e;
    }
    return records;
  }

  private JavaRDD<FileSlice> slices(InputFiles input) {
    long wanted = input.bytes() / partitions;
    List<FileSlice> slices =
        input.slices(Math.max(MIN_SLICE_BYTES, Math.min(MAX_SLICE_BYTES, wanted)));
    return spark.parallelize(slices, Math.max(1, slices.size()));
  }
}
