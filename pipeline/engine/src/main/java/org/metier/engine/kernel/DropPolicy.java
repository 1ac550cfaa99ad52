package org.metier.engine.kernel;

/** Which tokens an expert turns away when more are sent to it than it has room for. */
public enum DropPolicy {
  /**
   * Those with the lowest router probability for it; of equal ones the later in the micro-batch.
   */
  PROBABILITY,
  /** The last in the micro-batch: first come, first served. */
  POSITION
}
