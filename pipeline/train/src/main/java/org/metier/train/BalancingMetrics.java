package org.metier.train;

import java.io.Serializable;
import java.util.Collection;
import org.metier.model.balance.DualStep;

/**
 * What the balancing method did in a round. All but the loss is of methods that keep a selection
 * bias, and null for others: the round's last update seen on fixed scores, those of each worker's
 * last micro-batch, per token and layer, mean over the workers. {@link DualStep} has the formulas.
 *
 * @param loss the strategy's loss as it enters the step's, mean over steps and workers
 * @param biasLargest largest distance of a bias from its layer's mean
 * @param dual the dual objective g(b) before the update
 * @param fall g(b) - g(b⁺); in a descent it is positive
 * @param leastFall what the sandwich inequality says it is at least
 * @param mostFall what the sandwich inequality says it is at most
 * @param moved experts that a token left for another
 * @param violations of the preference rule, a number of pairs; more than 0 is a bug
 */
record BalancingMetrics(
    double loss,
    Double biasLargest,
    Double dual,
    Double fall,
    Double leastFall,
    Double mostFall,
    Double moved,
    Long violations)
    implements Serializable {

  static BalancingMetrics of(Collection<WorkerReport> reports) {
    double loss = 0;
    DualStep sum = DualStep.none();
    for (WorkerReport report : reports) {
      loss += report.balancing().loss() / reports.size();
      sum = sum.plus(report.balancing().dual());
    }
    double[][] bias = reports.iterator().next().balancing().bias();
    if (bias.length == 0) {
      return new BalancingMetrics(loss, null, null, null, null, null, null, null);
    }
    double n = sum.tokens();
    return new BalancingMetrics(
        loss,
        largest(bias),
        sum.before() / n,
        (sum.before() - sum.after()) / n,
        sum.leastFall() / n,
        sum.mostFall() / n,
        sum.moved() / n,
        sum.violations());
  }

  private static double largest(double[][] bias) {
    double largest = 0;
    for (double[] layer : bias) {
      double mean = 0;
      for (double b : layer) {
        mean += b / layer.length;
      }
      for (double b : layer) {
        largest = Math.max(largest, Math.abs(b - mean));
      }
    }
    return largest;
  }
}
