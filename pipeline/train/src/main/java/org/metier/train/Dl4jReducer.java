package org.metier.train;

import java.util.Iterator;
import java.util.List;
import java.util.function.BiConsumer;
import org.apache.spark.api.java.JavaPairRDD;
import org.deeplearning4j.spark.impl.paramavg.ParameterAveragingTrainingResult;
import org.deeplearning4j.spark.impl.paramavg.aggregator.ParameterAveragingAggregationTuple;
import org.deeplearning4j.spark.impl.paramavg.aggregator.ParameterAveragingElementAddFunction;
import org.deeplearning4j.spark.impl.paramavg.aggregator.ParameterAveragingElementCombineFunction;
import org.metier.engine.kernel.MissingBackendException;
import org.metier.train.ParameterSlices.Slice;
import org.metier.train.SliceReduce.Contribution;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import scala.Tuple2;

/**
 * The reference for {@link SlicedReducer}: parameter averaging as dl4j-spark's
 * ParameterAveragingTrainingMaster does it, by the same {@code treeAggregate} with its own
 * functions, which add whole models up, in float, as they come in. Those functions count workers;
 * to count tokens, each worker's numbers go in multiplied by its tokens, and the tokens go in as
 * the score, which dl4j sums too.
 *
 * <p>Whole models travel through Java's serialisation: they must stay below 2 GB, and below {@code
 * spark.driver.maxResultSize}.
 */
final class Dl4jReducer implements Reducer {
  /** dl4j-spark's own default. */
  private static final int AGGREGATION_DEPTH = 2;

  private Dl4jReducer() {}

  /**
   * @throws MissingBackendException naming what to add, if dl4j-spark or ND4J cannot be loaded
   */
  static Reducer open() {
    try {
      Class.forName("org.deeplearning4j.spark.impl.paramavg.ParameterAveragingTrainingResult");
      leaveBlasAlone();
      return new Dl4jReducer();
    } catch (ClassNotFoundException | LinkageError | RuntimeException e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      throw new MissingBackendException(
          ("train.averaging.reducer = dl4j: it cannot be loaded (%s); add"
                  + " org.deeplearning4j:dl4j-spark_2.12 and org.nd4j:nd4j-native, this once plain"
                  + " and once with the platform's classifier, to the class path")
              .formatted(cause),
          e);
    }
  }

  @Override
  public void reduce(
      JavaPairRDD<Integer, Contribution> contributions,
      ParameterSlices slices,
      BiConsumer<Slice, float[]> mean) {
    ParameterAveragingAggregationTuple sums =
        contributions
            .mapPartitions(ofWorker -> List.of(result(slices, ofWorker)).iterator())
            .treeAggregate(
                null,
                new ParameterAveragingElementAddFunction(),
                new ParameterAveragingElementCombineFunction(),
                AGGREGATION_DEPTH);
    double tokens = sums.getScoreSum();
    int size = size(slices);
    for (Slice slice : slices.slices()) {
      int offset = offset(slice, size);
      boolean values = slice.block() == Block.VALUE;
      INDArray sum = values ? sums.getParametersSum() : sums.getUpdaterStateSum();
      INDArray part = sum.get(NDArrayIndex.interval(offset, offset + slice.count()));
      mean.accept(slice, part.div(tokens).toFloatVector());
    }
  }

  /** One worker's numbers times its tokens: parameters, and moments one after the other. */
  private static ParameterAveragingTrainingResult result(
      ParameterSlices slices, Iterator<Tuple2<Integer, Contribution>> ofWorker) {
    leaveBlasAlone();
    int size = size(slices);
    int moments = (int) slices.slices().stream().map(Slice::block).distinct().count() - 1;
    float[] parameters = new float[size];
    float[] updaterState = new float[Math.multiplyExact(moments, size)];
    long tokens = 0;
    while (ofWorker.hasNext()) {
      Tuple2<Integer, Contribution> next = ofWorker.next();
      Slice slice = slices.get(next._1());
      float[] target = slice.block() == Block.VALUE ? parameters : updaterState;
      ParameterSlices.decode(next._2().data(), target, offset(slice, size));
      tokens = next._2().tokens();
    }
    return new ParameterAveragingTrainingResult(
        Nd4j.createFromArray(parameters).muli(tokens),
        moments == 0 ? null : Nd4j.createFromArray(updaterState).muli(tokens),
        tokens,
        null,
        null,
        null);
  }

  /** Loaded, ND4J sets every OpenBLAS of the process to all cores, that of the workers too. */
  private static void leaveBlasAlone() {
    Nd4j.factory().blas().setMaxThreads(1);
  }

  /** Parameters of the model. */
  private static int size(ParameterSlices slices) {
    return slices.slices().stream()
        .filter(slice -> slice.block() == Block.VALUE)
        .mapToInt(Slice::count)
        .sum();
  }

  /** Where a slice lies in the parameters, or in the updater state. */
  private static int offset(Slice slice, int size) {
    return slice.block() == Block.SECOND_MOMENT ? size + slice.from() : slice.from();
  }
}
