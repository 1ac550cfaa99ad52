package org.metier.train;

import java.io.Serializable;
import java.util.Collection;
import org.metier.model.balance.BalanceStrategy;
import org.metier.model.balance.Frequencies;

/**
 * What the driver broadcasts about the round before: everyone's selections together, each worker's
 * own, from which it measures its drift, and the bias that some strategies put on the choice. Held
 * by the driver and not by the workers, so that a retried task, wherever it runs, sees what the
 * first attempt saw.
 *
 * @param global [L][E] frequencies over all workers' tokens; no rows before the first round
 * @param own [W][L][E] each worker's frequencies over its own tokens
 * @param recent [W][≤n][L][E] counts of each worker's most recent micro-batches, oldest first
 * @param bias [L][E] selection bias; no rows before the first round, or if the strategy keeps none
 */
public record GlobalFrequencies(
    double[][] global, double[][][] own, long[][][][] recent, double[][] bias)
    implements Serializable {

  /** Without a bias. */
  GlobalFrequencies(double[][] global, double[][][] own, long[][][][] recent) {
    this(global, own, recent, new double[0][]);
  }

  /** Before anything was routed. */
  public static GlobalFrequencies none() {
    return new GlobalFrequencies(new double[0][], new double[0][][], new long[0][][][]);
  }

  /** From all reports of a round, in worker order. */
  public static GlobalFrequencies of(Collection<WorkerReport> reports) {
    int workers = reports.size();
    double[][][] own = new double[workers][][];
    long[][][][] recent = new long[workers][][][];
    long[][] sum = null;
    int w = 0;
    for (WorkerReport report : reports) {
      long[][] counts = report.counts();
      sum = sum == null ? new long[counts.length][counts[0].length] : sum;
      own[w] = new double[counts.length][];
      for (int l = 0; l < counts.length; l++) {
        own[w][l] = Frequencies.of(counts[l]);
        for (int e = 0; e < counts[l].length; e++) {
          sum[l][e] += counts[l][e];
        }
      }
      recent[w++] = report.recentCounts();
    }
    double[][] global = new double[sum == null ? 0 : sum.length][];
    for (int l = 0; l < global.length; l++) {
      global[l] = Frequencies.of(sum[l]);
    }
    return new GlobalFrequencies(global, own, recent, meanBias(reports));
  }

  /**
   * The mean over the workers. Their biases are the same where the window is global: so it is the
   * first one's, moved by how far the others differ, and the same bits where they do not.
   */
  private static double[][] meanBias(Collection<WorkerReport> reports) {
    double[][] first = reports.iterator().next().balancing().bias();
    double[][] mean = new double[first.length][];
    for (int l = 0; l < mean.length; l++) {
      mean[l] = first[l].clone();
      for (WorkerReport report : reports) {
        for (int e = 0; e < mean[l].length; e++) {
          mean[l][e] += (report.balancing().bias()[l][e] - first[l][e]) / reports.size();
        }
      }
    }
    return mean;
  }

  /** The same after an update of the bias by the frequencies of the whole round. */
  GlobalFrequencies withUpdatedBias(BalanceStrategy strategy, long update) {
    double[][] updated = new double[bias.length][];
    for (int l = 0; l < updated.length; l++) {
      updated[l] = bias[l].clone();
      strategy.updateBias(updated[l], global[l], update);
    }
    return new GlobalFrequencies(global, own, recent, updated);
  }

  /** True if there was a round before, with this worker in it. */
  public boolean knows(int worker) {
    return worker < own.length;
  }
}
