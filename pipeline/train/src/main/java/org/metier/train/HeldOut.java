package org.metier.train;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.function.LongConsumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.prep.BadDataException;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.tokenize.Tokenizer;

/**
 * The held-out text of a prepared directory, checked against the checkpoint that is to read it.
 *
 * @param split directory of the shards
 */
record HeldOut(Path split, ShardManifest manifest, Tokenizer tokenizer, Configuration hadoop) {
  private static final long POLL_MILLIS = 100;

  /**
   * @throws BadDataException if the held-out shards do not fit the checkpoint
   */
  static HeldOut open(SparkSession spark, String data, Checkpoint.Header header) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    Path split = new Path(data, "held-out");
    ShardManifest manifest = ShardManifest.read(split, hadoop);
    Tokenizer tokenizer =
        Tokenizer.load(new Path(data, "tokenizer.json"), manifest.separator(), hadoop);
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
    return new HeldOut(split, manifest, tokenizer, hadoop);
  }

  /** What tasks need to run a checkpoint over this text, under a key of its own. */
  EvaluationPlan plan(Checkpoint.Loaded checkpoint, EngineConfig engine, TrainConfig config) {
    return plan(UUID.randomUUID().toString(), checkpoint, engine, config);
  }

  /**
   * @param key of the evaluation, see {@link EvaluationPlan}
   */
  EvaluationPlan plan(
      String key, Checkpoint.Loaded checkpoint, EngineConfig engine, TrainConfig config) {
    int[] byteLengths = new int[tokenizer.vocabSize()];
    for (int id = 0; id < byteLengths.length; id++) {
      byteLengths[id] = tokenizer.byteLength(id);
    }
    float[] values = checkpoint.state().values();
    return new EvaluationPlan(
        key,
        engine,
        checkpoint.header().model(),
        config,
        split.toString(),
        manifest,
        new SerializableConfiguration(hadoop),
        ParameterSlices.encode(values, 0, values.length),
        byteLengths,
        TokenClass.ofVocabulary(tokenizer),
        checkpoint.header().frequencies().bias());
  }

  /**
   * Waits for an action and says how far it is; the accumulator serves that alone, so that a
   * retried task does no harm.
   */
  static <T> T await(
      JavaFutureAction<T> action, LongAccumulator done, long total, LongConsumer progress) {
    try {
      while (!action.isDone()) {
        Thread.sleep(POLL_MILLIS);
        progress.accept(Math.min(total, done.value()));
      }
      return action.get();
    } catch (InterruptedException e) {
      action.cancel(true);
      Thread.currentThread().interrupt();
      throw new IllegalStateException("the evaluation was interrupted", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("the evaluation failed", e.getCause());
    }
  }

  /** {@code [0, sequences)} in runs of {@code size}, the last one shorter. */
  static List<long[]> ranges(long sequences, long size) {
    List<long[]> ranges = new ArrayList<>();
    for (long from = 0; from < sequences; from += size) {
      ranges.add(new long[] {from, Math.min(sequences, from + size)});
    }
    return ranges;
  }
}
