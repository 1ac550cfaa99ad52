package org.metier.analysis;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;

/**
 * What a comparison needs of a run's {@code train_metrics}, one number per round.
 *
 * @param step optimiser steps finished
 * @param tokens of the round, over all workers
 * @param loss mean training loss, nats per token
 * @param maxVioMicroBatch mean MaxVio of a worker's own micro-batches
 * @param maxVioBatch mean MaxVio of the global batches: all workers' tokens of one step
 * @param seconds that the round took, checkpoints left out
 */
public record TrainingCurve(
    double[] step,
    double[] tokens,
    double[] loss,
    double[] maxVioMicroBatch,
    double[] maxVioBatch,
    double[] seconds) {

  private static final double LATE = 0.75;

  /**
   * @throws MissingTableException when the run has no {@code train_metrics}
   */
  static TrainingCurve read(TableDirectory directory, String run) {
    if (!directory.has(ReportData.TRAIN_METRICS, run)) {
      throw new MissingTableException(
          "no table %s of run %s in %s".formatted(ReportData.TRAIN_METRICS, run, directory));
    }
    List<Row> rows =
        directory
            .readRun(ReportData.TRAIN_METRICS, run)
            .sort("round")
            .select(
                functions.col("step").cast("double"),
                functions.col("tokens").cast("double"),
                functions.col("loss"),
                functions.col("max_vio"),
                functions.col("max_vio_step"),
                functions.expr("seconds_broadcast + seconds_compute + seconds_reduce"))
            .collectAsList();
    return new TrainingCurve(
        column(rows, 0),
        column(rows, 1),
        column(rows, 2),
        column(rows, 3),
        column(rows, 4),
        column(rows, 5));
  }

  private static double[] column(List<Row> rows, int index) {
    return rows.stream().mapToDouble(row -> row.getDouble(index)).toArray();
  }

  /** Mean over the last quarter of the rounds. */
  static double late(double[] values) {
    int from = Math.min(values.length - 1, (int) (LATE * values.length));
    return Arrays.stream(values, from, values.length).average().orElse(Double.NaN);
  }

  long tokensSeen() {
    return (long) Arrays.stream(tokens).sum();
  }

  /** Of the round with the median time, so that compiling and a busy machine do not count. */
  double secondsPerStep() {
    double[] each = new double[seconds.length];
    for (int i = 0; i < each.length; i++) {
      each[i] = seconds[i] / (step[i] - (i == 0 ? 0 : step[i - 1]));
    }
    Arrays.sort(each);
    return each.length == 0 ? Double.NaN : each[each.length / 2];
  }
}
