package org.metier.train;

import java.io.Serializable;
import java.util.Collection;
import java.util.stream.DoubleStream;
import org.metier.model.balance.Frequencies;

/**
 * MaxVio (busiest expert's load over the mean load, minus 1; mean over layers) of a round's
 * batches, of both kinds: what one worker routes at a time, and what all workers together route in
 * one step, which is the global batch.
 *
 * @param microBatch of each worker's own micro-batches
 * @param step of all workers' micro-batches of one step
 */
public record MaxViolations(OverRound microBatch, OverRound step) implements Serializable {
  /**
   * How it goes over one round.
   *
   * @param mean over the round's batches
   * @param largest of them
   * @param last mean over the last quarter of the batches, where a load that runs away within the
   *     round is worst
   */
  public record OverRound(double mean, double largest, double last) implements Serializable {
    private static final OverRound NONE = new OverRound(Double.NaN, Double.NaN, Double.NaN);

    /**
     * @param byBatch in their order; of none (a worker that refused its first batch) all is NaN
     */
    static OverRound of(double[] byBatch) {
      if (byBatch.length == 0) {
        return NONE;
      }
      int quarter = (byBatch.length + 3) / 4;
      return new OverRound(
          DoubleStream.of(byBatch).average().orElseThrow(),
          DoubleStream.of(byBatch).max().orElseThrow(),
          DoubleStream.of(byBatch).skip(byBatch.length - quarter).average().orElseThrow());
    }

    private OverRound and(OverRound other) {
      return new OverRound(mean + other.mean, Math.max(largest, other.largest), last + other.last);
    }

    private OverRound divided(int workers) {
      return new OverRound(mean / workers, largest, last / workers);
    }
  }

  /** Of all workers' reports of one round. */
  static MaxViolations of(Collection<WorkerReport> reports) {
    OverRound own =
        reports.stream()
            .map(WorkerReport::batchMaxViolation)
            .reduce(OverRound::and)
            .orElseThrow()
            .divided(reports.size());
    int steps = reports.iterator().next().stepCounts().length;
    double[] byStep = new double[steps];
    for (int s = 0; s < steps; s++) {
      byStep[s] = ofStep(reports, s);
    }
    return new MaxViolations(own, OverRound.of(byStep));
  }

  private static double ofStep(Collection<WorkerReport> reports, int step) {
    int[][] shape = reports.iterator().next().stepCounts()[step];
    long[][] sum = new long[shape.length][shape[0].length];
    for (WorkerReport report : reports) {
      int[][] counts = report.stepCounts()[step];
      for (int l = 0; l < sum.length; l++) {
        for (int e = 0; e < sum[l].length; e++) {
          sum[l][e] += counts[l][e];
        }
      }
    }
    return meanOverLayers(sum);
  }

  /** MaxVio of one batch. */
  static double meanOverLayers(long[][] counts) {
    double mean = 0;
    for (long[] layer : counts) {
      mean += Frequencies.maxViolation(layer) / counts.length;
    }
    return mean;
  }
}
