package org.metier.train;

import java.io.Serializable;

/**
 * What one layer's choices add up to beyond single sequences: pairs of experts that share a token,
 * tokens of each expert, and the way to the next layer's experts. Whole numbers, so that sums do
 * not depend on who added what first; the size depends on the model and the vocabulary, not on how
 * many tokens are counted.
 */
final class RoutingCounts implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Which token of a position a vocabulary count is about (OLMoE, arXiv 2409.02060, Eq. 8). */
  enum TokenKind {
    /** The token that is routed. */
    INPUT,
    /** The token that follows in the text. */
    TARGET,
    /** The token that the model expects to follow. */
    PREDICTED;

    static final TokenKind[] ALL = values();
  }

  /** The model's sizes, which the keys are made of. */
  record Shape(int numExperts, int topK, int vocabSize, int numDomains) implements Serializable {

    long vocabularyKey(TokenKind kind, int expert, int token) {
      return ((long) kind.ordinal() * numExperts + expert) * vocabSize + token;
    }

    long flowKey(int expert, int next, int domain) {
      return ((long) expert * numExperts + next) * numDomains + domain;
    }
  }

  private final Shape shape;
  private final long[] pairs;
  private final CountMap vocabulary = new CountMap();
  private final CountMap flow = new CountMap();

  RoutingCounts(Shape shape) {
    this.shape = shape;
    this.pairs = new long[shape.numExperts() * shape.numExperts()];
  }

  Shape shape() {
    return shape;
  }

  /** [E·E] tokens that chose both experts, at {@code a·E + b} with a &lt; b; 0 elsewhere. */
  long[] pairs() {
    return pairs;
  }

  /** By {@link Shape#vocabularyKey}: tokens whose first choice is the expert. */
  CountMap vocabulary() {
    return vocabulary;
  }

  /** By {@link Shape#flowKey}: tokens that chose the one here and the other in the next layer. */
  CountMap flow() {
    return flow;
  }

  /**
   * Counts one token's choices in this layer: all pairs of its k experts, and its first choice for
   * the three tokens of its position.
   *
   * @param experts of all tokens, k each, best first
   * @param slot where this token's begin
   * @param predicted negative if the position has no prediction
   */
  void addToken(int[] experts, int slot, int input, int target, int predicted) {
    int e = shape.numExperts();
    for (int i = 1; i < shape.topK(); i++) {
      int a = experts[slot + i];
      for (int j = 0; j < i; j++) {
        int b = experts[slot + j];
        pairs[Math.min(a, b) * e + Math.max(a, b)]++;
      }
    }
    int first = experts[slot];
    vocabulary.add(shape.vocabularyKey(TokenKind.INPUT, first, input), 1);
    vocabulary.add(shape.vocabularyKey(TokenKind.TARGET, first, target), 1);
    if (predicted >= 0) {
      vocabulary.add(shape.vocabularyKey(TokenKind.PREDICTED, first, predicted), 1);
    }
  }

  /** Counts all k² ways of one token from its experts here to those of the next layer. */
  void addFlow(int[] experts, int[] next, int slot, int domain) {
    for (int i = 0; i < shape.topK(); i++) {
      for (int j = 0; j < shape.topK(); j++) {
        flow.add(shape.flowKey(experts[slot + i], next[slot + j], domain), 1);
      }
    }
  }

  /** Adds another's counts of the same layer to these. */
  RoutingCounts add(RoutingCounts other) {
    for (int i = 0; i < pairs.length; i++) {
      pairs[i] += other.pairs[i];
    }
    vocabulary.addAll(other.vocabulary);
    flow.addAll(other.flow);
    return this;
  }
}
