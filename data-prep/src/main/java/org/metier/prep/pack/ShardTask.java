package org.metier.prep.pack;

import java.io.IOException;
import java.io.Serializable;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.prep.document.Split;
import org.metier.prep.shard.ShardManifest.Shard;
import org.metier.prep.shard.ShardWriter;
import org.metier.prep.shard.TokenSequence;
import scala.Tuple2;

/** Writes one shard from its sequences, which come in the order of the global shuffle. */
public final class ShardTask implements Serializable {
  private static final long serialVersionUID = 1L;

  private final ShardPlan plan;
  private final Buckets buckets;
  private final int separator;
  private final EnumMap<Split, String> directories = new EnumMap<>(Split.class);
  private final SerializableConfiguration hadoop;

  /**
   * @param directories where the shards of each split go
   */
  public ShardTask(
      ShardPlan plan,
      Buckets buckets,
      int separator,
      Map<Split, Path> directories,
      Configuration hadoop) {
    this.plan = plan;
    this.buckets = buckets;
    this.separator = separator;
    directories.forEach((split, path) -> this.directories.put(split, path.toString()));
    this.hadoop = new SerializableConfiguration(hadoop);
  }

  /** Shard of a sequence, among those of all splits. */
  public int shardOf(SequenceKey key) {
    return plan.shardOf(buckets.get(key.bucket()).split(), key.order());
  }

  /** Writes shard {@code shard} of all splits. */
  public Shard write(
      int shard, Iterator<Tuple2<SequenceKey, int[]>> sequences, LongAccumulator written)
      throws IOException {
    Split split = plan.splitOf(shard);
    String name = ShardWriter.fileName(shard - plan.first(split));
    long attempt = TaskContext.get().taskAttemptId();
    Path directory = new Path(directories.get(split));
    long position = plan.firstPosition(shard);
    try (ShardWriter writer = new ShardWriter(directory, name, attempt, hadoop.value())) {
      while (sequences.hasNext()) {
        Tuple2<SequenceKey, int[]> sequence = sequences.next();
        int[] tokens = sequence._2;
        int[] start = SequencePacker.documentStart(tokens, separator);
        int[] domains = new int[tokens.length - 1];
        Arrays.fill(domains, buckets.get(sequence._1.bucket()).domain());
        writer.write(position++, new TokenSequence(tokens, start, domains));
      }
      written.add(position - plan.firstPosition(shard));
      return writer.commit();
    }
  }
}
