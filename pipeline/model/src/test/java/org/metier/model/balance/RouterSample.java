package org.metier.model.balance;

import java.util.Random;

/** A router's output on a few tokens, written out naively, for tests of strategies. */
final class RouterSample {
  final int tokens;
  final int experts;
  final int topK;
  final boolean sigmoid;
  final double[] logits;

  RouterSample(int tokens, int experts, int topK, boolean sigmoid, double[] logits) {
    this.tokens = tokens;
    this.experts = experts;
    this.topK = topK;
    this.sigmoid = sigmoid;
    this.logits = logits;
  }

  static RouterSample random(int tokens, int experts, int topK, boolean sigmoid, long seed) {
    Random random = new Random(seed);
    double[] logits = new double[tokens * experts];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = random.nextGaussian();
    }
    return new RouterSample(tokens, experts, topK, sigmoid, logits);
  }

  /** [T·E], each token's sum to 1. */
  double[] probabilities() {
    double[] p = new double[logits.length];
    for (int t = 0; t < tokens; t++) {
      double sum = 0;
      for (int i = t * experts; i < (t + 1) * experts; i++) {
        p[i] = sigmoid ? 1 / (1 + Math.exp(-logits[i])) : Math.exp(logits[i]);
        sum += p[i];
      }
      for (int i = t * experts; i < (t + 1) * experts; i++) {
        p[i] /= sum;
      }
    }
    return p;
  }

  double[] meanProbability() {
    double[] p = probabilities();
    double[] mean = new double[experts];
    for (int i = 0; i < p.length; i++) {
      mean[i % experts] += p[i] / tokens;
    }
    return mean;
  }

  RouterTokens view() {
    double[] gradient = new double[logits.length];
    return new RouterTokens(tokens, experts, topK, sigmoid, logits, probabilities(), gradient);
  }

  /** Both parts of a strategy's loss. */
  double loss(BalanceStrategy strategy, double[] frequency) {
    double loss = strategy.signal(frequency, meanProbability()).loss();
    return strategy.readsTokens() ? loss + strategy.addTokenGradients(view()) : loss;
  }

  /** Its gradient with respect to the logits. */
  double[] gradient(BalanceStrategy strategy, double[] frequency) {
    RouterTokens view = view();
    double[] ofMean = strategy.signal(frequency, meanProbability()).gradient();
    double[] dProbability = new double[experts];
    for (int e = 0; e < experts; e++) {
      dProbability[e] = ofMean[e] / tokens;
    }
    for (int t = 0; t < tokens; t++) {
      view.addProbabilityGradient(t, dProbability);
    }
    if (strategy.readsTokens()) {
      strategy.addTokenGradients(view);
    }
    return view.gradient();
  }
}
