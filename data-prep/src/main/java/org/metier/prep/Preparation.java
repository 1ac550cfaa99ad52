package org.metier.prep;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.HashPartitioner;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.metier.prep.document.Document;
import org.metier.prep.document.DocumentCounts;
import org.metier.prep.document.Split;
import org.metier.prep.document.Step;
import org.metier.prep.pack.BucketCounts;
import org.metier.prep.pack.Buckets;
import org.metier.prep.pack.ByNumber;
import org.metier.prep.pack.DocumentKey;
import org.metier.prep.pack.EncodedDocuments;
import org.metier.prep.pack.PackedSequences;
import org.metier.prep.pack.ShardPlan;
import org.metier.prep.pack.ShardTask;
import org.metier.prep.read.InputFiles;
import org.metier.prep.report.PrepareTables;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardManifest.Shard;
import org.metier.prep.tokenize.BpeTrainer;
import org.metier.prep.tokenize.Tokenizer;
import org.metier.prep.tokenize.WordCounts;
import scala.Tuple2;

/**
 * From domain-tagged text to token shards. {@link #run} reads from top to bottom:
 *
 * <pre>
 * read once → count words → learn the tokenizer → encode and pack → shuffle and write the shards
 * </pre>
 *
 * The result is a function of the configuration and the documents alone: neither the number of
 * partitions nor a task that runs twice changes a byte of it.
 */
public final class Preparation {
  /** Rarer words than the first million hardly move a merge, and must not fill the driver. */
  private static final int MAX_WORDS = 1 << 20;

  private final JavaSparkContext spark;
  private final PrepareConfig config;
  private final Configuration hadoop;
  private final Stages stages;
  private final int partitions;

  /** Prepares what a configuration says. */
  public Preparation(SparkSession spark, PrepareConfig config, Progress progress) {
    this(spark, config, progress, 4 * spark.sparkContext().defaultParallelism());
  }

  /**
   * @param partitions pieces into which the input is cut, if it is large enough
   */
  Preparation(SparkSession spark, PrepareConfig config, Progress progress, int partitions) {
    this.spark = JavaSparkContext.fromSparkContext(spark.sparkContext());
    this.config = config;
    this.hadoop = spark.sparkContext().hadoopConfiguration();
    this.stages = new Stages(progress);
    this.partitions = partitions;
  }

  /**
   * Runs the job, or finds that its result is there already.
   *
   * @throws BadDataException with one line about input or output that cannot be used
   */
  public PrepareReport run() {
    return run(() -> {});
  }

  /**
   * The same.
   *
   * @param beforeCommit called when all is written aside; throws if this process may not commit it
   */
  public PrepareReport run(Runnable beforeCommit) {
    InputFiles input = InputFiles.list(config, hadoop);
    PreparedDirectory output = new PreparedDirectory(config, input, hadoop);
    Optional<PrepareReport> earlier = output.completed();
    if (earlier.isPresent()) {
      return earlier.get();
    }
    output.begin(partitions);

    PrepareTables tables = new PrepareTables(spark, output.tables(), input);
    ReadRecords records =
        new ReadStage(spark, config, stages, partitions).run(input, output, tables);
    return prepare(records, tables, output, beforeCommit);
  }

  private PrepareReport prepare(
      ReadRecords records, PrepareTables tables, PreparedDirectory output, Runnable beforeCommit) {
    // Steps that let documents go stand here; each hands them to the tables.
    JavaRDD<Document> documents = records.documents();
    DocumentCounts counts = new DocumentCounts();
    List<Tuple2<String, Long>> words = countWords(documents, records.counts().documents(), counts);
    tables.counts().require(Step.DECONTAMINATE, counts.documentsByDomain());
    Tokenizer tokenizer = learnTokenizer(words);
    save(tokenizer, output.tokenizerFile());

    long bytes = counts.total().bytes();
    Buckets buckets = new Buckets(counts.domains(), counts, config.seed());
    Broadcast<Tokenizer> sharedTokenizer = spark.broadcast(tokenizer);
    LongAccumulator encodedBytes = spark.sc().longAccumulator();
    JavaPairRDD<DocumentKey, int[]> encoded =
        encode(documents, sharedTokenizer, buckets, encodedBytes);
    List<BucketCounts> packed = pack(encoded, encodedBytes, bytes);
    PreparedCounts result = new PreparedCounts(counts, buckets, packed);
    tables.counts().require(Step.MIX, result.documentsByDomain());

    ShardPlan plan = new ShardPlan(buckets, packed, config.sequencesPerShard());
    requireSequences(plan);
    List<Shard> shards = writeShards(encoded, buckets, plan, tokenizer.separator(), output);
    sharedTokenizer.destroy();

    tables.writeReport();
    for (Split split : Split.values()) {
      ShardManifest manifest = result.manifest(split, config, tokenizer, plan, shards);
      save(manifest, output.splitDirectory(split));
    }
    PrepareReport report = result.report(tables.counts(), tokenizer, stages.seconds());
    beforeCommit.run();
    output.commit(report);
    return report;
  }

  /** Counts the words of the training split; on the way it counts all documents. */
  private List<Tuple2<String, Long>> countWords(
      JavaRDD<Document> documents, long total, DocumentCounts sum) {
    double heldOutShare = config.heldOutShare();
    LongAccumulator done = spark.sc().longAccumulator();
    ByPartition<DocumentCounts> counts = new ByPartition<>();
    spark.sc().register(counts);
    HashPartitioner byWord = new HashPartitioner(partitions);
    JavaRDD<Tuple2<String, Long>> words =
        documents
            .mapPartitionsWithIndex(
                (partition, part) -> {
                  WordCounts wordsOfPart = new WordCounts();
                  DocumentCounts documentsOfPart = new DocumentCounts();
                  while (part.hasNext()) {
                    Document document = part.next();
                    Split split = document.split(heldOutShare);
                    documentsOfPart.add(document, split);
                    if (split == Split.TRAIN) {
                      wordsOfPart.add(document.utf8());
                    }
                  }
                  counts.add(new Tuple2<>(partition, documentsOfPart));
                  done.add(documentsOfPart.total().documents());
                  return wordsOfPart.iterator();
                },
                false)
            .mapToPair(word -> word)
            // Each task has added up its own words already: combining them once more costs time.
            .combineByKey(
                count -> count, Long::sum, Long::sum, byWord, false, SparkEnv.get().serializer())
            .map(word -> word);
    return stages.run(
        "words",
        total,
        "documents",
        done::sum,
        () -> {
          List<Tuple2<String, Long>> found =
              words.count() <= MAX_WORDS
                  ? words.collect()
                  : words.takeOrdered(MAX_WORDS, new FrequentFirst());
          counts.value().forEach(sum::add);
          return found;
        },
        result -> String.format("%,d distinct words", result.size()));
  }

  private Tokenizer learnTokenizer(List<Tuple2<String, Long>> words) {
    int merges = Tokenizer.mergesFor(config.vocabSize());
    AtomicInteger done = new AtomicInteger();
    return stages.run(
        "tokenizer",
        merges,
        "merges",
        done::get,
        () -> Tokenizer.of(BpeTrainer.train(words, merges, done::set)),
        tokenizer -> String.format("%,d tokens", tokenizer.vocabSize()));
  }

  private JavaPairRDD<DocumentKey, int[]> encode(
      JavaRDD<Document> documents,
      Broadcast<Tokenizer> tokenizer,
      Buckets buckets,
      LongAccumulator bytes) {
    double heldOutShare = config.heldOutShare();
    return documents
        .mapPartitionsToPair(
            part ->
                new EncodedDocuments(part, tokenizer.value(), buckets, heldOutShare, bytes::add))
        .repartitionAndSortWithinPartitions(new ByNumber<>(buckets.size(), DocumentKey::bucket));
  }

  /** Packs once for the counts, which place every shard; the shuffled documents stay for later. */
  private List<BucketCounts> pack(
      JavaPairRDD<DocumentKey, int[]> documents, LongAccumulator encodedBytes, long bytes) {
    int sequenceLength = config.sequenceLength();
    return stages.run(
        "encode",
        bytes,
        "bytes",
        encodedBytes::sum,
        () ->
            documents
                .values()
                .mapPartitionsWithIndex(
                    (bucket, tokens) ->
                        List.of(BucketCounts.of(bucket, tokens, sequenceLength)).iterator(),
                    true)
                .collect(),
        packed ->
            String.format("%,d tokens", packed.stream().mapToLong(BucketCounts::tokens).sum()));
  }

  private List<Shard> writeShards(
      JavaPairRDD<DocumentKey, int[]> documents,
      Buckets buckets,
      ShardPlan plan,
      int separator,
      PreparedDirectory output) {
    Map<Split, Path> directories = new EnumMap<>(Split.class);
    for (Split split : Split.values()) {
      directories.put(split, output.splitDirectory(split));
    }
    int sequenceLength = config.sequenceLength();
    LongAccumulator written = spark.sc().longAccumulator();
    ShardTask task = new ShardTask(plan, buckets, separator, directories, hadoop);
    return stages.run(
        "shards",
        plan.totalSequences(),
        "sequences",
        written::sum,
        () ->
            documents
                .values()
                .mapPartitionsWithIndex(
                    (bucket, tokens) ->
                        new PackedSequences(bucket, buckets.get(bucket), tokens, sequenceLength),
                    true)
                .mapToPair(sequence -> sequence)
                .repartitionAndSortWithinPartitions(new ByNumber<>(plan.size(), task::shardOf))
                .mapPartitionsWithIndex(
                    (shard, sequences) -> List.of(task.write(shard, sequences, written)).iterator(),
                    true)
                .collect(),
        shards -> String.format("%,d shards", shards.size()));
  }

  private void requireSequences(ShardPlan plan) {
    for (Split split : Split.values()) {
      if (plan.sequences(split) == 0) {
        throw new BadDataException(
            String.format(
                "prepare.input: the %s split is shorter than one sequence of"
                    + " prepare.sequenceLength = %d",
                split.directory(), config.sequenceLength()));
      }
    }
  }

  private void save(Tokenizer tokenizer, Path file) {
    try {
      tokenizer.save(file, hadoop);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be written", e);
    }
  }

  private void save(ShardManifest manifest, Path splitDirectory) {
    try {
      manifest.write(splitDirectory, hadoop);
    } catch (IOException e) {
      throw new UncheckedIOException(splitDirectory + " cannot be written", e);
    }
  }

  /** By falling count, then by the word: an order that no partitioning changes. */
  private static final class FrequentFirst
      implements Comparator<Tuple2<String, Long>>, java.io.Serializable {
    private static final long serialVersionUID = 1L;

    @Override
    public int compare(Tuple2<String, Long> a, Tuple2<String, Long> b) {
      int order = Long.compare(b._2, a._2);
      return order != 0 ? order : a._1.compareTo(b._1);
    }
  }
}
