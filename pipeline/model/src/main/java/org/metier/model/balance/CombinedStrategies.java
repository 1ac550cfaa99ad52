package org.metier.model.balance;

import java.util.List;

/** The sum of several strategies' losses and gradients, each with a weight of its own inside. */
public record CombinedStrategies(List<BalanceStrategy> parts) implements BalanceStrategy {

  public CombinedStrategies {
    parts = List.copyOf(parts);
  }

  @Override
  public Signal signal(double[] frequency, double[] meanProbability) {
    double loss = 0;
    double[] gradient = new double[frequency.length];
    for (BalanceStrategy part : parts) {
      Signal signal = part.signal(frequency, meanProbability);
      loss += signal.loss();
      for (int e = 0; e < gradient.length; e++) {
        gradient[e] += signal.gradient()[e];
      }
    }
    return new Signal(loss, gradient);
  }

  @Override
  public boolean readsTokens() {
    return parts.stream().anyMatch(BalanceStrategy::readsTokens);
  }

  @Override
  public double addTokenGradients(RouterTokens tokens) {
    double loss = 0;
    for (BalanceStrategy part : parts) {
      if (part.readsTokens()) {
        loss += part.addTokenGradients(tokens);
      }
    }
    return loss;
  }

  @Override
  public boolean biasesSelection() {
    return parts.stream().anyMatch(BalanceStrategy::biasesSelection);
  }

  @Override
  public void updateBias(double[] bias, double[] frequency, long update) {
    for (BalanceStrategy part : parts) {
      part.updateBias(bias, frequency, update);
    }
  }
}
