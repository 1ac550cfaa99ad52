package org.metier.train;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.function.BiConsumer;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.rdd.ShuffledRDD;
import org.metier.train.ParameterSlices.Slice;
import org.metier.train.SliceReduce.Contribution;
import scala.Tuple2;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/**
 * One shuffle, one reduce task per slice: each executor averages its share of the parameters, and
 * the driver receives one version of them however many workers there are. Slices are fetched by
 * jobs of at most {@link #BYTES_PER_JOB}, so that the driver holds no second copy and Spark's limit
 * on the results of one job is not met; the workers' stage runs in the first of them only.
 */
final class SlicedReducer implements Reducer {
  static final long BYTES_PER_JOB = 128L << 20;

  @Override
  public void reduce(
      JavaPairRDD<Integer, Contribution> contributions,
      ParameterSlices slices,
      BiConsumer<Slice, float[]> mean) {
    JavaRDD<byte[]> means = bySlice(contributions, slices).mapPartitions(SlicedReducer::mean);
    for (int first = 0; first < slices.size(); ) {
      int[] job = job(slices, first);
      List<byte[]>[] results = means.collectPartitions(job);
      for (int i = 0; i < job.length; i++) {
        if (results[i].isEmpty()) {
          continue; // no worker has sent it
        }
        Slice slice = slices.get(job[i]);
        float[] values = new float[slice.count()];
        ParameterSlices.decode(results[i].get(0), values, 0);
        results[i] = List.of();
        mean.accept(slice, values);
      }
      first += job.length;
    }
    // Without this the files of every round stay until the driver happens to collect garbage.
    means.rdd().cleanShuffleDependencies(false);
  }

  private static JavaPairRDD<Integer, Contribution> bySlice(
      JavaPairRDD<Integer, Contribution> contributions, ParameterSlices slices) {
    Partitioner partitioner = new BySlice(slices.size());
    ShuffledRDD<Integer, Contribution, Contribution> shuffled =
        new ShuffledRDD<>(
            contributions.rdd(),
            partitioner,
            tag(Integer.class),
            tag(Contribution.class),
            tag(Contribution.class));
    return JavaPairRDD.fromRDD(
        shuffled.setSerializer(new ContributionSerializer()),
        tag(Integer.class),
        tag(Contribution.class));
  }

  private static <T> ClassTag<T> tag(Class<T> type) {
    return ClassTag$.MODULE$.apply(type);
  }

  /** Consecutive slices from {@code first} on that one job may return. */
  private static int[] job(ParameterSlices slices, int first) {
    int end = first + 1;
    long bytes = slices.get(first).bytes();
    while (end < slices.size() && bytes + slices.get(end).bytes() <= BYTES_PER_JOB) {
      bytes += slices.get(end++).bytes();
    }
    int[] job = new int[end - first];
    for (int i = 0; i < job.length; i++) {
      job[i] = first + i;
    }
    return job;
  }

  private static Iterator<byte[]> mean(Iterator<Tuple2<Integer, Contribution>> ofOneSlice) {
    List<Contribution> contributions = new ArrayList<>();
    ofOneSlice.forEachRemaining(pair -> contributions.add(pair._2()));
    return contributions.isEmpty()
        ? Collections.emptyIterator()
        : Collections.singleton(SliceReduce.mean(contributions)).iterator();
  }

  /** Slice i goes to partition i. */
  private static final class BySlice extends Partitioner {
    private static final long serialVersionUID = 1L;
    private final int slices;

    BySlice(int slices) {
      this.slices = slices;
    }

    @Override
    public int numPartitions() {
      return slices;
    }

    @Override
    public int getPartition(Object slice) {
      return (Integer) slice;
    }
  }
}
