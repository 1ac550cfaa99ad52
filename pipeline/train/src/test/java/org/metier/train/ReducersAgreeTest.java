package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Test;
import org.metier.train.ParameterSlices.Slice;
import org.metier.train.SliceReduce.Contribution;
import scala.Tuple2;

/** Our slices against dl4j-spark's own functions, on the same contributions. */
class ReducersAgreeTest {
  private static final int SIZE = 5_000;
  private static final int SLICE_BYTES = 4_096;
  private static final int WORKERS = 3;
  private static final long[] TOKENS = {4_096, 1_337, 2_500};

  @Test
  void parametersAlone() {
    agree(List.of(Block.VALUE));
  }

  @Test
  void parametersAndMoments() {
    agree(List.of(Block.VALUE, Block.FIRST_MOMENT, Block.SECOND_MOMENT));
  }

  /**
   * dl4j multiplies, adds W times and divides in float: at most W + 2 roundings of 2^-24, each
   * relative to a partial sum that Σ t|x| bounds. Ours rounds once, at the end.
   */
  private static void agree(List<Block> blocks) {
    ParameterSlices slices = ParameterSlices.cut(blocks, SIZE, SLICE_BYTES, 2);
    float[][] sliced = means(new SlicedReducer(), slices);
    float[][] dl4j = means(Dl4jReducer.open(), slices);
    for (Slice slice : slices.slices()) {
      for (int i = 0; i < slice.count(); i++) {
        double size = 0;
        for (int w = 0; w < WORKERS; w++) {
          size += TOKENS[w] * Math.abs(number(w, slice, i)) / (4_096 + 1_337 + 2_500);
        }
        assertThat(Math.abs((double) dl4j[slice.id()][i] - sliced[slice.id()][i]))
            .isLessThanOrEqualTo((WORKERS + 2 + 1) * 0x1p-24 * size);
      }
    }
    assertThat(sliced[0]).as("they do differ in rounding").isNotEqualTo(dl4j[0]);
  }

  private static float[][] means(Reducer reducer, ParameterSlices slices) {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(TrainFixture.spark().sparkContext());
    JavaPairRDD<Integer, Contribution> contributions =
        spark
            .parallelize(IntStream.range(0, WORKERS).boxed().toList(), WORKERS)
            .flatMapToPair(worker -> ofWorker(slices, worker));
    float[][] means = new float[slices.size()][];
    reducer.reduce(
        contributions,
        slices,
        (slice, mean) -> {
          assertThat(means[slice.id()]).as("each slice once").isNull();
          assertThat(mean).hasSize(slice.count());
          means[slice.id()] = mean;
        });
    assertThat(List.of(means)).hasSize(slices.size()); // and refuses null
    return means;
  }

  private static Iterator<Tuple2<Integer, Contribution>> ofWorker(
      ParameterSlices slices, int worker) {
    List<Tuple2<Integer, Contribution>> all = new ArrayList<>();
    for (Slice slice : slices.slices()) {
      float[] values = new float[slice.count()];
      for (int i = 0; i < values.length; i++) {
        values[i] = number(worker, slice, i);
      }
      byte[] data = ParameterSlices.encode(values, 0, values.length);
      all.add(new Tuple2<>(slice.id(), new Contribution(worker, TOKENS[worker], data)));
    }
    return all.iterator();
  }

  private static float number(int worker, Slice slice, int i) {
    long seed = (worker * 31L + slice.block().ordinal()) * 1_000_003 + slice.from() + i;
    return new Random(seed * 0x9E3779B97F4A7C15L).nextFloat() - 0.5f;
  }
}
