package org.metier.model.balance;

/**
 * Nothing: the router learns from the language-model loss alone. The control of every comparison.
 */
public record NoBalance() implements BalanceStrategy {

  @Override
  public Signal signal(double[] frequency, double[] meanProbability) {
    return Signal.none(frequency.length);
  }
}
