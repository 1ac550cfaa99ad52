package org.metier.train;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.function.LongConsumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.prep.BadDataException;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.tokenize.Tokenizer;

/**
 * Runs a checkpoint over held-out, domain-tagged sequences in the executors and hands out counts:
 * per sequence, domain and layer, never per token. What the counts mean is for the analysis to say.
 */
public final class Evaluation implements AutoCloseable {
  /** Batches of one task: few enough that progress is seen, enough to pay for the model. */
  private static final int TASK_BATCHES = 8;

  private static final long POLL_MILLIS = 200;

  private static final StructType ROUTING =
      new StructType()
          .add("sequence", "long", false)
          .add("domain", "string", false)
          .add("layer", "integer", false)
          .add("tokens", "long", false)
          .add("expert_tokens", DataTypes.createArrayType(DataTypes.LongType, false), false)
          .add("gate_mass", DataTypes.createArrayType(DataTypes.DoubleType, false), false)
          .add("score_sum", "double", false)
          .add("dropped", DataTypes.createArrayType(DataTypes.LongType, false), false);

  private static final StructType LOSS =
      new StructType()
          .add("sequence", "long", false)
          .add("domain", "string", false)
          .add("tokens", "long", false)
          .add("loss_sum", "double", false)
          .add("bytes", "long", false);

  private static final StructType TOKENS =
      new StructType()
          .add("domain", "string", false)
          .add("token", "integer", false)
          .add("tokens", "long", false);

  private final SparkSession spark;
  private final JavaRDD<EvaluatedSequences> evaluated;
  private final Broadcast<EvaluationPlan> plan;

  /**
   * @param maxSequences at most so many held-out sequences; they were shuffled when prepared
   * @param progress is told how many sequences are done
   * @throws BadDataException if the held-out shards do not fit the checkpoint
   */
  public Evaluation(
      SparkSession spark,
      String data,
      Checkpoint.Loaded checkpoint,
      EngineConfig engine,
      TrainConfig config,
      long maxSequences,
      LongConsumer progress) {
    this.spark = spark;
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    Path split = new Path(data, "held-out");
    ShardManifest manifest = ShardManifest.read(split, hadoop);
    Tokenizer tokenizer = Tokenizer.load(new Path(data, "tokenizer.json"), hadoop);
    checkFit(checkpoint.header(), manifest, tokenizer, data);
    int[] byteLengths = new int[tokenizer.vocabSize()];
    for (int id = 0; id < byteLengths.length; id++) {
      byteLengths[id] = tokenizer.byteLength(id);
    }
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    this.plan =
        context.broadcast(
            new EvaluationPlan(
                engine,
                checkpoint.header().model(),
                config,
                split.toString(),
                manifest,
                new SerializableConfiguration(hadoop),
                ParameterSlices.encode(
                    checkpoint.state().values(), 0, checkpoint.state().values().length),
                byteLengths,
                checkpoint.header().frequencies().bias()));
    long sequences = Math.min(maxSequences, manifest.sequences());
    List<long[]> ranges = ranges(sequences, TASK_BATCHES * config.batchSequences());
    Broadcast<EvaluationPlan> planOnWorker = plan;
    LongAccumulator done = spark.sparkContext().longAccumulator("held-out sequences");
    JavaRDD<EvaluatedSequences> counts =
        context
            .parallelize(ranges, ranges.size())
            .map(
                range -> {
                  var counted = EvaluatedSequences.of(planOnWorker.value(), range[0], range[1]);
                  done.add(range[1] - range[0]);
                  return counted;
                });
    this.evaluated =
        TaskDevice.profile(context, engine)
            .map(counts::withResources)
            .orElse(counts)
            .persist(StorageLevel.MEMORY_AND_DISK());
    context.setJobDescription("metier evaluation");
    runAndReport(done, sequences, progress);
  }

  private static List<long[]> ranges(long sequences, long size) {
    List<long[]> ranges = new ArrayList<>();
    for (long from = 0; from < sequences; from += size) {
      ranges.add(new long[] {from, Math.min(sequences, from + size)});
    }
    return ranges;
  }

  /** Fills the cache; the accumulator serves the progress line only, so a retry does no harm. */
  private void runAndReport(LongAccumulator done, long sequences, LongConsumer progress) {
    var action = evaluated.countAsync();
    try {
      while (!action.isDone()) {
        Thread.sleep(POLL_MILLIS);
        progress.accept(Math.min(sequences, done.value()));
      }
      action.get();
    } catch (InterruptedException e) {
      action.cancel(true);
      Thread.currentThread().interrupt();
      throw new IllegalStateException("the evaluation was interrupted", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("the evaluation failed", e.getCause());
    }
  }

  /**
   * Columns sequence, domain, layer, tokens, expert_tokens[n + m], gate_mass[n + m], score_sum,
   * dropped[n]: experts, then null experts; of the tokens that chose an expert, how many a capacity
   * turned away.
   */
  public Dataset<Row> sequenceRouting() {
    return spark.createDataFrame(evaluated.flatMap(e -> rows(e.routing())), ROUTING);
  }

  /** Columns sequence, domain, tokens, loss_sum (nats), bytes (of the targets' UTF-8). */
  public Dataset<Row> sequenceLoss() {
    return spark.createDataFrame(evaluated.flatMap(e -> rows(e.loss())), LOSS);
  }

  /** Columns domain, token, tokens: how often each target token occurs. */
  public Dataset<Row> tokenCounts() {
    return spark
        .createDataFrame(evaluated.flatMap(e -> rows(e.targets())), TOKENS)
        .groupBy("domain", "token")
        .sum("tokens")
        .withColumnRenamed("sum(tokens)", "tokens");
  }

  private static Iterator<Row> rows(List<Row> rows) {
    return rows.iterator();
  }

  private static void checkFit(
      Checkpoint.Header header, ShardManifest manifest, Tokenizer tokenizer, String data) {
    if (!manifest.tokenizerSha256().equals(tokenizer.sha256())) {
      throw new BadDataException(
          data + ": tokenizer.json is not the one that the held-out shards were made with");
    }
    if (!header.tokenizerSha256().equals(manifest.tokenizerSha256())) {
      throw new BadDataException(
          data + ": the checkpoint was trained with another tokenizer than these shards");
    }
    if (manifest.sequenceLength() > header.model().sequenceLength()) {
      throw new BadDataException(
          "%s: held-out sequences have %d tokens, the model takes %d"
              .formatted(data, manifest.sequenceLength(), header.model().sequenceLength()));
    }
    if (manifest.sequences() < 1) {
      throw new BadDataException(data + ": there is not one held-out sequence");
    }
  }

  @Override
  public void close() {
    evaluated.unpersist(false);
    plan.destroy();
  }
}
