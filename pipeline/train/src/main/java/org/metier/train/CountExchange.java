package org.metier.train;

import java.io.Serializable;

/** Adds up expert counts over all workers in the middle of a step. */
interface CountExchange extends AutoCloseable {

  /**
   * The sum over all workers' counts; returns when every worker has given its own.
   *
   * @param step optimiser steps of the run before this one; for messages
   * @param counts [L][E] of this worker
   * @return [L][E], the caller's own
   * @throws LostWorkerException if a worker failed, was lost or did not report in time
   */
  long[][] sum(long step, long[][] counts);

  /** Tells the other workers that this one has failed, so that they need not wait for it. */
  default void fail(long step, Throwable cause) {}

  /** Takes no part in what is left of the round, so that the others go on without this one. */
  default void withdraw() {}

  @Override
  default void close() {}

  /** How a task comes by its exchange; travels to it. */
  interface Opener extends Serializable {
    CountExchange open(int worker);
  }

  /** The exchange of a worker that has no others. */
  static CountExchange alone() {
    return (step, counts) -> {
      long[][] copy = new long[counts.length][];
      for (int l = 0; l < counts.length; l++) {
        copy[l] = counts[l].clone();
      }
      return copy;
    };
  }
}
