package org.metier.prep;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.LongAccumulator;
import org.metier.prep.document.Document;
import org.metier.prep.document.DocumentCounts;
import org.metier.prep.document.Sha256;
import org.metier.prep.document.Split;
import org.metier.prep.document.SplitShares;
import org.metier.prep.pack.BucketCounts;
import org.metier.prep.pack.Buckets;
import org.metier.prep.pack.ByNumber;
import org.metier.prep.pack.DocumentKey;
import org.metier.prep.pack.EncodedDocuments;
import org.metier.prep.pack.FinishedShards;
import org.metier.prep.pack.Mixture;
import org.metier.prep.pack.PackedSequences;
import org.metier.prep.pack.PackingConfig;
import org.metier.prep.pack.ShardPlan;
import org.metier.prep.pack.ShardTask;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardManifest.Shard;
import org.metier.prep.tokenize.Tokenizer;

/** Encodes and packs the documents, mixes and shuffles the rows, and writes the shards. */
final class ShardStage {
  private final JavaSparkContext spark;
  private final PrepareConfig config;
  private final Configuration hadoop;
  private final Stages stages;

  /**
   * What was written.
   *
   * @param shards of all splits, in the order of their numbers
   */
  record Result(
      Buckets buckets,
      List<BucketCounts> packed,
      Mixture mixture,
      ShardPlan plan,
      List<Shard> shards) {}

  ShardStage(JavaSparkContext spark, PrepareConfig config, Stages stages) {
    this.spark = spark;
    this.config = config;
    this.hadoop = spark.hadoopConfiguration();
    this.stages = stages;
  }

  /**
   * @param counts how many documents there are
   * @param output receives the shards
   * @throws BadDataException if a split has not one row
   */
  Result run(
      JavaRDD<Document> documents,
      DocumentCounts counts,
      Tokenizer tokenizer,
      PreparedDirectory output) {
    List<Split> splits = config.splits().splits();
    Buckets buckets = new Buckets(counts.domains(), counts, splits, config.seed());
    Broadcast<Tokenizer> shared = spark.broadcast(tokenizer);
    LongAccumulator encodedBytes = spark.sc().longAccumulator();
    JavaPairRDD<DocumentKey, int[]> encoded = encode(documents, shared, buckets, encodedBytes);
    List<BucketCounts> packed =
        pack(encoded, tokenizer.separator(), encodedBytes, counts.total().bytes());

    Mixture mixture =
        new Mixture(config.mixture(), buckets, packed, counts.domains(), config.sequenceLength());
    ShardPlan plan = new ShardPlan(buckets, mixture, config.sequencesPerShard());
    requireSequences(splits, plan);
    FinishedShards finished = finished(output, plan, packed, tokenizer);
    List<Shard> shards =
        write(encoded, buckets, mixture, plan, tokenizer.separator(), finished, output);
    shared.destroy();
    return new Result(buckets, packed, mixture, plan, shards);
  }

  private JavaPairRDD<DocumentKey, int[]> encode(
      JavaRDD<Document> documents,
      Broadcast<Tokenizer> tokenizer,
      Buckets buckets,
      LongAccumulator bytes) {
    SplitShares splits = config.splits();
    return documents
        .mapPartitionsToPair(
            part -> new EncodedDocuments(part, tokenizer.value(), buckets, splits, bytes::add))
        .repartitionAndSortWithinPartitions(new ByNumber<>(buckets.size(), DocumentKey::bucket));
  }

  /** Packs once for the counts, which place every shard; the shuffled documents stay for later. */
  private List<BucketCounts> pack(
      JavaPairRDD<DocumentKey, int[]> encoded,
      int separator,
      LongAccumulator encodedBytes,
      long bytes) {
    int length = config.sequenceLength();
    PackingConfig packing = config.packing();
    return stages.run(
        "encode",
        bytes,
        "bytes",
        encodedBytes::sum,
        () ->
            encoded
                .map(document -> document)
                .mapPartitionsWithIndex(
                    (bucket, part) ->
                        List.of(BucketCounts.of(bucket, packing.packer(part, separator, length)))
                            .iterator(),
                    true)
                .collect(),
        packed ->
            String.format("%,d tokens", packed.stream().mapToLong(BucketCounts::tokens).sum()));
  }

  /** What an earlier run has left of the same plan, each shard with the bytes that it noted. */
  private FinishedShards finished(
      PreparedDirectory output, ShardPlan plan, List<BucketCounts> packed, Tokenizer tokenizer) {
    String identity =
        Sha256.of(
            String.join("\n", output.identity(), tokenizer.sha256(), packed.toString())
                .getBytes(StandardCharsets.UTF_8));
    try {
      FinishedShards finished = FinishedShards.open(output.notesOfShards(), identity, hadoop);
      Set<Path> intact = new HashSet<>();
      for (Map.Entry<Integer, Shard> entry : List.copyOf(finished.all().entrySet())) {
        Path split = output.splitDirectory(plan.splitOf(entry.getKey()));
        if (ShardManifest.isIntact(split, entry.getValue(), hadoop)) {
          intact.add(new Path(split, entry.getValue().file()));
        } else {
          finished.forget(entry.getKey());
        }
      }
      output.keepOnly(intact);
      return finished;
    } catch (IOException e) {
      throw new UncheckedIOException(output.notesOfShards() + " cannot be used", e);
    }
  }

  private List<Shard> write(
      JavaPairRDD<DocumentKey, int[]> encoded,
      Buckets buckets,
      Mixture mixture,
      ShardPlan plan,
      int separator,
      FinishedShards finished,
      PreparedDirectory output) {
    Map<Split, Path> directories = new EnumMap<>(Split.class);
    for (Split split : config.splits().splits()) {
      directories.put(split, output.splitDirectory(split));
    }
    int length = config.sequenceLength();
    PackingConfig packing = config.packing();
    LongAccumulator written = spark.sc().longAccumulator();
    ShardTask task = new ShardTask(plan, buckets, separator, directories, finished, hadoop);
    return stages.run(
        "shards",
        plan.totalSequences(),
        "sequences",
        written::sum,
        () ->
            encoded
                .map(document -> document)
                .mapPartitionsWithIndex(
                    (bucket, part) ->
                        new PackedSequences(
                            bucket,
                            buckets.get(bucket),
                            packing.packer(part, separator, length),
                            mixture),
                    true)
                .filter(sequence -> task.isMissing(sequence._1))
                .mapToPair(sequence -> sequence)
                .repartitionAndSortWithinPartitions(new ByNumber<>(plan.size(), task::shardOf))
                .mapPartitionsWithIndex(
                    (shard, rows) -> List.of(task.write(shard, rows, written)).iterator(), true)
                .collect(),
        shards ->
            finished.all().isEmpty()
                ? String.format("%,d shards", shards.size())
                : String.format(
                    "%,d shards, %,d of them from an interrupted run",
                    shards.size(), finished.all().size()));
  }

  private void requireSequences(List<Split> splits, ShardPlan plan) {
    for (Split split : splits) {
      if (plan.sequences(split) == 0) {
        throw new BadDataException(
            String.format(
                "prepare.input: the %s split is shorter than one sequence of"
                    + " prepare.sequenceLength = %d",
                split.directory(), config.sequenceLength()));
      }
    }
  }
}
