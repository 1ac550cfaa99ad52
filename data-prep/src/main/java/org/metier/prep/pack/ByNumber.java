package org.metier.prep.pack;

import org.apache.spark.Partitioner;
import org.apache.spark.api.java.function.Function;

/** Sends each key to the partition whose number a function gives: one bucket or shard per task. */
public final class ByNumber<K> extends Partitioner {
  private static final long serialVersionUID = 1L;

  private final int partitions;
  private final Function<K, Integer> numberOf;

  public ByNumber(int partitions, Function<K, Integer> numberOf) {
    this.partitions = partitions;
    this.numberOf = numberOf;
  }

  @Override
  public int numPartitions() {
    return partitions;
  }

  @Override
  @SuppressWarnings("unchecked") // Spark's interface is untyped
  public int getPartition(Object key) {
    try {
      return numberOf.call((K) key);
    } catch (Exception e) {
      throw new IllegalStateException("no partition for a key", e);
    }
  }
}
