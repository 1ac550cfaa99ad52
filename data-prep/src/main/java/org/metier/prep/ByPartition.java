package org.metier.prep;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.util.AccumulatorV2;
import scala.Tuple2;

/**
 * What each partition of a stage has counted. Keyed by the partition, so that a task that Spark
 * runs twice replaces its counts and never adds to them.
 */
final class ByPartition<T extends Serializable> extends AccumulatorV2<Tuple2<Integer, T>, List<T>> {
  private static final long serialVersionUID = 1L;

  private final Map<Integer, T> valueOf = new TreeMap<>();

  @Override
  public synchronized boolean isZero() {
    return valueOf.isEmpty();
  }

  @Override
  public synchronized ByPartition<T> copy() {
    ByPartition<T> copy = new ByPartition<>();
    copy.valueOf.putAll(valueOf);
    return copy;
  }

  @Override
  public synchronized void reset() {
    valueOf.clear();
  }

  @Override
  public synchronized void add(Tuple2<Integer, T> partition) {
    valueOf.put(partition._1, partition._2);
  }

  @Override
  public synchronized void merge(AccumulatorV2<Tuple2<Integer, T>, List<T>> other) {
    valueOf.putAll(((ByPartition<T>) other).valueOf);
  }

  /** The values in the order of the partitions. */
  @Override
  public synchronized List<T> value() {
    return List.copyOf(valueOf.values());
  }
}
