package org.metier.engine.kernel;

/**
 * The most tokens that each expert takes of one micro-batch: {@code ceil(factor · k·T / E)}, E
 * being all that the router may choose, nulls included, so that factor 1 is the load of an even
 * routing (GShard, arXiv 2006.16668; Switch Transformer, arXiv 2101.03961, Eq. 3; the two policies
 * as in Megatron-Core's {@code moe_token_drop_policy}). As there, what is turned away goes by the
 * expert through the residual, and the token's other gates are <b>not</b> renormalised.
 *
 * @param factor 0 is without limit
 * @param policy who is turned away
 */
public record ExpertCapacity(double factor, DropPolicy policy) {
  /** Dropless: every expert computes every token that was sent to it. */
  public static final ExpertCapacity UNLIMITED = new ExpertCapacity(0, DropPolicy.PROBABILITY);

  public ExpertCapacity {
    if (!(factor >= 0) || factor == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException("the capacity factor must not be negative, is " + factor);
    }
  }

  /** True if there is a limit. */
  public boolean limited() {
    return factor > 0;
  }

  /** Most rows of one expert. */
  public int rows(int tokens, int topK, int columns) {
    double rows = Math.ceil(factor * topK * tokens / columns);
    return limited() && rows < tokens ? (int) rows : tokens;
  }

  /** True if it takes the router's probabilities to know who is turned away. */
  boolean needsProbabilities() {
    return limited() && policy == DropPolicy.PROBABILITY;
  }
}
