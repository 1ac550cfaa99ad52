package org.metier.train;

import java.io.Serializable;

/**
 * What one worker did in one round. A second attempt of the same (round, worker) computes the same
 * numbers and replaces the first.
 *
 * @param round number of the round
 * @param worker number of the worker
 * @param tokens tokens that it trained on
 * @param lossSum Σ of cross-entropy over those tokens, nats
 * @param balanceLoss mean over steps and layers of E · Σ f·P; 1 is uniform
 * @param zLoss mean over steps and layers of mean_t logsumexp², before its coefficient
 * @param gradientNorm mean over steps of the gradient's norm before clipping
 * @param batchMaxViolation MaxVio of its micro-batches
 * @param counts [L][n + m] selections in this round, nulls included
 * @param stepCounts [H][L][n] selections in each step; 4·H·L·n bytes on their way to the driver
 * @param recentCounts [≤n][L][n + m] selections of the most recent micro-batches, oldest first
 * @param gateMass [L][n] gate weight in this round
 * @param work what became of the choices
 * @param refusal empty, or what was NaN or infinite, and in which step: the worker then contributes
 *     nothing but this report
 * @param computeSeconds time in the steps
 * @param balancing what its balancing method leaves behind
 */
public record WorkerReport(
    long round,
    int worker,
    long tokens,
    double lossSum,
    double balanceLoss,
    double zLoss,
    double gradientNorm,
    MaxViolations.OverRound batchMaxViolation,
    long[][] counts,
    int[][][] stepCounts,
    long[][][] recentCounts,
    double[][] gateMass,
    ExpertWork work,
    String refusal,
    double computeSeconds,
    Balancing.Report balancing)
    implements Serializable {

  /** True if the worker's update must not be averaged. */
  boolean refused() {
    return !refusal.isEmpty();
  }
}
