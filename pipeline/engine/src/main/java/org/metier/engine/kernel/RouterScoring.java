package org.metier.engine.kernel;

import java.io.Serializable;

/**
 * What a router makes of its logits z.
 *
 * @param activation from logits to scores
 * @param biasOn what the selection bias is added to, for the choice alone
 */
public record RouterScoring(Activation activation, BiasOn biasOn) implements Serializable {

  /** Softmax, and a bias in logits. */
  public static final RouterScoring SOFTMAX = new RouterScoring(Activation.SOFTMAX, BiasOn.LOGIT);

  /** From the logits of one token to its scores s, probabilities p and gates. */
  public enum Activation {
    /** s = p = softmax(z). */
    SOFTMAX,
    /**
     * s = 1 / (1 + e^-z), each expert by itself (DeepSeek-V3, arXiv 2412.19437); p = s / Σ s. Gates
     * are the chosen s, divided by their sum if they are to be normalised.
     */
    SIGMOID
  }

  /** What the k best are chosen by. */
  public enum BiasOn {
    /** z + bias; with a softmax the same as multiplying p with e^bias. */
    LOGIT,
    /** s + bias, as in Wang et al., arXiv 2408.15664. */
    ACTIVATION
  }

  /**
   * True if the choice is by {@code z + bias}. Without any bias both are the same order, and that
   * of the logits knows no ties that come of rounding.
   */
  public boolean choosesByLogit(double[] bias) {
    if (biasOn == BiasOn.LOGIT) {
      return true;
    }
    for (double b : bias) {
      if (b != 0) {
        return false;
      }
    }
    return true;
  }
}
