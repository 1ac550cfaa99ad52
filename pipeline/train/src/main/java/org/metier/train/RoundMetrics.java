package org.metier.train;

import java.io.Serializable;
import java.util.Collection;

/**
 * One row of {@code train_metrics}, and the rows of {@code train_expert_load} that belong to it.
 *
 * @param round rounds finished, this one included
 * @param step optimiser steps finished
 * @param tokens tokens of this round, over all workers
 * @param loss mean cross-entropy, nats per token
 * @param balanceLoss mean over layers of E · Σ f·P, before its coefficient; 1 is uniform
 * @param zLoss mean z-loss before its coefficient
 * @param gradientNorm mean norm before clipping
 * @param maxViolation mean MaxVio of a micro-batch
 * @param globalMaxViolation MaxVio of the whole round's counts, nulls left out, mean over layers
 * @param expertTokens [L][n + m] selections over all workers, nulls included
 * @param gateMass [L][n] gate weight over all workers
 * @param work what became of the selections, over all workers
 * @param violations MaxVio of micro-batches and of global batches, over the round
 * @param balancing what the balancing method did
 */
public record RoundMetrics(
    long round,
    long step,
    long tokens,
    double loss,
    double balanceLoss,
    double zLoss,
    double learningRate,
    double gradientNorm,
    double maxViolation,
    double globalMaxViolation,
    double tokensPerSecond,
    double secondsBroadcast,
    double secondsCompute,
    double secondsReduce,
    double secondsCheckpoint,
    long[][] expertTokens,
    double[][] gateMass,
    ExpertWork work,
    MaxViolations violations,
    BalancingMetrics balancing)
    implements Serializable {

  /** Seconds of a round by phase. */
  record Phases(double broadcast, double compute, double reduce) {
    double total() {
      return broadcast + compute + reduce;
    }
  }

  static RoundMetrics of(
      TrainState after, Collection<WorkerReport> reports, double learningRate, Phases seconds) {
    WorkerReport first = reports.iterator().next();
    int layers = first.counts().length;
    int experts = first.counts()[0].length;
    long[][] expertTokens = new long[layers][experts];
    double[][] gateMass = new double[layers][first.gateMass()[0].length];
    ExpertWork work = ExpertWork.of(reports);
    long tokens = 0;
    double loss = 0;
    double balance = 0;
    double z = 0;
    double norm = 0;
    for (WorkerReport report : reports) {
      tokens += report.tokens();
      loss += report.lossSum();
      balance += report.balanceLoss() / reports.size();
      z += report.zLoss() / reports.size();
      norm += report.gradientNorm() / reports.size();
      for (int l = 0; l < layers; l++) {
        for (int e = 0; e < experts; e++) {
          expertTokens[l][e] += report.counts()[l][e];
        }
        for (int e = 0; e < gateMass[l].length; e++) {
          gateMass[l][e] += report.gateMass()[l][e];
        }
      }
    }
    MaxViolations violations = MaxViolations.of(reports);
    return new RoundMetrics(
        after.round(),
        after.step(),
        tokens,
        loss / tokens,
        balance,
        z,
        learningRate,
        norm,
        violations.microBatch().mean(),
        MaxViolations.meanOverLayers(work.ofExperts(expertTokens)),
        tokens / seconds.total(),
        seconds.broadcast(),
        seconds.compute(),
        seconds.reduce(),
        0,
        expertTokens,
        gateMass,
        work,
        violations,
        BalancingMetrics.of(reports));
  }

  RoundMetrics withCheckpoint(double seconds) {
    return new RoundMetrics(
        round,
        step,
        tokens,
        loss,
        balanceLoss,
        zLoss,
        learningRate,
        gradientNorm,
        maxViolation,
        globalMaxViolation,
        tokensPerSecond,
        secondsBroadcast,
        secondsCompute,
        secondsReduce,
        seconds,
        expertTokens,
        gateMass,
        work,
        violations,
        balancing);
  }
}
