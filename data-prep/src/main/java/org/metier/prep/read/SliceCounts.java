package org.metier.prep.read;

import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.util.AccumulatorV2;
import scala.Tuple2;

/**
 * What reading has met in each slice. Keyed by the slice, so that a task that Spark runs twice
 * replaces its counts and never adds to them.
 */
public final class SliceCounts extends AccumulatorV2<Tuple2<Integer, ReadCounts>, ReadCounts> {
  private static final long serialVersionUID = 1L;

  private final Map<Integer, ReadCounts> countsOf = new TreeMap<>();

  @Override
  public synchronized boolean isZero() {
    return countsOf.isEmpty();
  }

  @Override
  public synchronized SliceCounts copy() {
    SliceCounts copy = new SliceCounts();
    copy.countsOf.putAll(countsOf);
    return copy;
  }

  @Override
  public synchronized void reset() {
    countsOf.clear();
  }

  @Override
  public synchronized void add(Tuple2<Integer, ReadCounts> slice) {
    countsOf.put(slice._1, slice._2);
  }

  @Override
  public synchronized void merge(AccumulatorV2<Tuple2<Integer, ReadCounts>, ReadCounts> other) {
    countsOf.putAll(((SliceCounts) other).countsOf);
  }

  /** The counts of all slices together. */
  @Override
  public synchronized ReadCounts value() {
    ReadCounts sum = new ReadCounts();
    countsOf.values().forEach(sum::add);
    return sum;
  }
}
