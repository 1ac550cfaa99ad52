package org.metier.model;

/** What becomes of a block's activations between its forward and its backward pass. */
public enum ActivationPolicy {
  /** Every block keeps its own: fastest. */
  KEEP,

  /**
   * All blocks share the memory of one and keep only their inputs and their routing; the backward
   * pass runs a block forward again first (Chen et al., arXiv 1604.06174): a third more work, the
   * same bits.
   */
  RECOMPUTE
}
