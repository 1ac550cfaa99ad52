package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.deeplearning4j.spark.impl.paramavg.ParameterAveragingTrainingResult;
import org.deeplearning4j.spark.impl.paramavg.aggregator.ParameterAveragingAggregationTuple;
import org.deeplearning4j.spark.impl.paramavg.aggregator.ParameterAveragingElementAddFunction;
import org.deeplearning4j.spark.impl.paramavg.aggregator.ParameterAveragingElementCombineFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.metier.train.ParameterSlices.Slice;
import org.metier.train.SliceReduce.Contribution;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import scala.Tuple2;

/**
 * What it costs to send parameters to two workers and to fetch their mean, without any training, on
 * local[2]. Every mean is checked, bit for bit. Not part of the default run:
 *
 * <pre>
 * mvn -B -pl pipeline/train -am test -Dtest=ReduceBenchmark -Dtest.excluded= -Dsurefire.failIfNoSpecifiedTests=false
 * </pre>
 */
@Tag("slow")
class ReduceBenchmark {
  private static final int WORKERS = 2;
  private static final int SLICE_BYTES = 64 << 20;

  private final JavaSparkContext spark =
      JavaSparkContext.fromSparkContext(TrainFixture.spark().sparkContext());

  @Test
  void twentyMillionParameters() {
    float[] values = draw(20_000_000);
    double[] slicedSeconds = new double[7];
    double[] dl4jSeconds = new double[3];
    round(values); // warm-up
    dl4jRound(values);
    for (int i = 0; i < slicedSeconds.length; i++) {
      slicedSeconds[i] = round(values);
    }
    for (int i = 0; i < dl4jSeconds.length; i++) {
      dl4jSeconds[i] = dl4jRound(values);
    }
    double ratio = median(dl4jSeconds) / median(slicedSeconds);
    System.out.printf(
        "20 M parameters, %d workers, broadcast + reduce, seconds: sliced %.2f %s, dl4j-spark %.2f"
            + " %s: %.1f times%n",
        WORKERS,
        median(slicedSeconds),
        text(slicedSeconds),
        median(dl4jSeconds),
        text(dl4jSeconds),
        ratio);
    assertThat(ratio).isGreaterThan(1); // about 2.5 when nothing else runs
  }

  @Test
  void twoHundredMillionParametersInThreeGigabytesOfHeap() {
    assertThat(Runtime.getRuntime().maxMemory()).isLessThanOrEqualTo(3L << 30);
    float[] values = draw(200_000_000);
    double seconds = round(values);
    System.out.printf(
        "200 M parameters, %d workers, driver and executors in one JVM of %d MiB: %.1f s%n",
        WORKERS, Runtime.getRuntime().maxMemory() >> 20, seconds);
  }

  /** Sends {@code values}, fetches the mean of what comes back over them; returns seconds. */
  private double round(float[] values) {
    ParameterSlices slices =
        ParameterSlices.cut(
            List.of(Block.VALUE), values.length, SLICE_BYTES, spark.defaultParallelism());
    long began = System.nanoTime();
    List<Broadcast<byte[]>> sent =
        ParameterAveraging.broadcast(spark, slices, Map.of(Block.VALUE, values));
    JavaPairRDD<Integer, Contribution> workers =
        spark
            .parallelize(IntStream.range(0, WORKERS).boxed().toList(), WORKERS)
            .flatMapToPair(worker -> contributions(slices, sent, worker));
    new SlicedReducer()
        .reduce(
            workers,
            slices,
            (slice, mean) -> System.arraycopy(mean, 0, values, slice.from(), mean.length));
    sent.forEach(Broadcast::destroy);
    double seconds = (System.nanoTime() - began) / 1e9;
    check(values);
    return seconds;
  }

  /** The same as dl4j-spark does it: one array is broadcast, whole arrays are aggregated. */
  private double dl4jRound(float[] values) {
    long began = System.nanoTime();
    Broadcast<INDArray> sent = spark.broadcast(Nd4j.createFromArray(values));
    ParameterAveragingAggregationTuple sums =
        spark
            .parallelize(IntStream.range(0, WORKERS).boxed().toList(), WORKERS)
            .map(
                worker ->
                    new ParameterAveragingTrainingResult(
                        sent.value().mul(worker == 0 ? 2 : 0), null, 0, null, null, null))
            .treeAggregate(
                null,
                new ParameterAveragingElementAddFunction(),
                new ParameterAveragingElementCombineFunction(),
                2);
    float[] mean = sums.getParametersSum().divi(sums.getAggregationsCount()).toFloatVector();
    System.arraycopy(mean, 0, values, 0, mean.length);
    sent.destroy();
    double seconds = (System.nanoTime() - began) / 1e9;
    check(values);
    return seconds;
  }

  /** Worker 0 sends twice the parameters and worker 1 nought: their mean is what they were. */
  private static Iterator<Tuple2<Integer, Contribution>> contributions(
      ParameterSlices slices, List<Broadcast<byte[]>> sent, int worker) {
    Iterator<Slice> ids = slices.slices().iterator();
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return ids.hasNext();
      }

      @Override
      public Tuple2<Integer, Contribution> next() {
        Slice slice = ids.next();
        float[] block = new float[slice.count()];
        ParameterSlices.decode(sent.get(slice.id()).value(), block, 0);
        for (int i = 0; i < block.length; i++) {
          block[i] = worker == 0 ? 2 * block[i] : 0;
        }
        byte[] data = ParameterSlices.encode(block, 0, block.length);
        assertThat(data.length).isLessThanOrEqualTo(SLICE_BYTES);
        return new Tuple2<>(slice.id(), new Contribution(worker, 1000, data));
      }
    };
  }

  private static float[] draw(int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = number(i);
    }
    return values;
  }

  /** Numbers that no compression shortens. */
  private static float number(int i) {
    long bits = i * 0x9E3779B97F4A7C15L;
    bits = (bits ^ (bits >>> 29)) * 0xBF58476D1CE4E5B9L;
    return (bits >> 40) * 0x1p-25f;
  }

  private static void check(float[] values) {
    for (int i = 0; i < values.length; i++) {
      if (values[i] != number(i)) {
        throw new AssertionError("element %d is %s, not %s".formatted(i, values[i], number(i)));
      }
    }
  }

  private static String text(double[] seconds) {
    return Arrays.stream(seconds).mapToObj("%.2f"::formatted).toList().toString();
  }

  private static double median(double[] seconds) {
    double[] sorted = seconds.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
