package org.metier.prep.pack;

import java.io.IOException;
import java.io.Serializable;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.prep.document.Split;
import org.metier.prep.shard.ShardManifest.Shard;
import org.metier.prep.shard.ShardWriter;
import scala.Tuple2;

/** Writes one shard from its sequences, which come in the order of the global shuffle. */
public final class ShardTask implements Serializable {
  private static final long serialVersionUID = 1L;

  private final ShardPlan plan;
  private final Buckets buckets;
  private final int separator;
  private final EnumMap<Split, String> directories = new EnumMap<>(Split.class);
  private final FinishedShards finished;
  private final SerializableConfiguration hadoop;

  /**
   * @param directories where the shards of each split go
   * @param finished shards that need not be written, and the place to note those that are
   */
  public ShardTask(
      ShardPlan plan,
      Buckets buckets,
      int separator,
      Map<Split, Path> directories,
      FinishedShards finished,
      Configuration hadoop) {
    this.plan = plan;
    this.buckets = buckets;
    this.separator = separator;
    directories.forEach((split, path) -> this.directories.put(split, path.toString()));
    this.finished = finished;
    this.hadoop = new SerializableConfiguration(hadoop);
  }

  /** Shard of a sequence, among those of all splits. */
  public int shardOf(SequenceKey key) {
    return plan.shardOf(buckets.get(key.bucket()).split(), key.order());
  }

  /** True if a sequence's shard is still to be written. */
  public boolean isMissing(SequenceKey key) {
    return finished.get(shardOf(key)).isEmpty();
  }

  /** Writes shard {@code shard} of all splits, unless an earlier run has. */
  public Shard write(
      int shard, Iterator<Tuple2<SequenceKey, PackedRow>> rows, LongAccumulator written)
      throws IOException {
    Optional<Shard> earlier = finished.get(shard);
    if (earlier.isPresent()) {
      written.add(earlier.get().sequences());
      return earlier.get();
    }
    Split split = plan.splitOf(shard);
    long attempt = TaskContext.get().taskAttemptId();
    Path directory = new Path(directories.get(split));
    long position = plan.firstPosition(shard);
    try (ShardWriter writer =
        new ShardWriter(directory, fileName(shard), attempt, hadoop.value())) {
      while (rows.hasNext()) {
        Tuple2<SequenceKey, PackedRow> row = rows.next();
        int domain = buckets.get(row._1.bucket()).domain();
        writer.write(position++, row._2.toSequence(domain, separator));
      }
      written.add(position - plan.firstPosition(shard));
      Shard done = writer.commit();
      finished.note(shard, done, attempt, hadoop.value());
      return done;
    }
  }

  /** Name of a shard's file in its split. */
  private String fileName(int shard) {
    return ShardWriter.fileName(shard - plan.first(plan.splitOf(shard)));
  }
}
