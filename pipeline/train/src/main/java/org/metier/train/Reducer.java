package org.metier.train;

import java.util.function.BiConsumer;
import org.apache.spark.api.java.JavaPairRDD;
import org.metier.train.ParameterSlices.Slice;
import org.metier.train.SliceReduce.Contribution;

/** Forms the mean over all workers, weighted by the tokens that each trained on. */
interface Reducer {

  /**
   * Runs the workers' stage and reduces what it yields.
   *
   * @param contributions (slice, one worker's version of it): every slice of every worker, one
   *     partition per worker, in the order of {@code slices}; or nothing of a worker that refuses
   *     its update
   * @param mean is given every slice's mean once, as soon as all workers have finished; a slice
   *     that nobody sent may be left out
   */
  void reduce(
      JavaPairRDD<Integer, Contribution> contributions,
      ParameterSlices slices,
      BiConsumer<Slice, float[]> mean);

  /** The reducer that the config names. */
  static Reducer of(AveragingConfig config) {
    return switch (config.reducer()) {
      case SLICED -> new SlicedReducer();
      case DL4J -> Dl4jReducer.open();
    };
  }
}
