package org.metier.train;

import java.util.Optional;
import java.util.concurrent.CancellationException;

/**
 * Keeps the replicas of a benchmark in step: none begins to time before all are warm, none stops
 * working before all have timed. So each is timed while all others work.
 */
final class BenchmarkPhases {
  private final long watcher = Thread.currentThread().getId();
  private int cold;
  private int untimed;
  private long steps;
  private long warmSteps;
  private long allocatedBefore;
  private double allocatedPerStep;
  private Throwable failure;

  /** Made by the thread that only watches; its allocations are not counted. */
  BenchmarkPhases(int replicas) {
    this.cold = replicas;
    this.untimed = replicas;
  }

  /**
   * A replica has done a step.
   *
   * @throws CancellationException if another replica has failed
   */
  synchronized void stepDone() {
    if (failure != null) {
      throw new CancellationException("another worker failed");
    }
    steps++;
  }

  /** A replica is warm. */
  synchronized void warm() {
    cold--;
    if (cold == 0) {
      warmSteps = steps;
      allocatedBefore = JvmMemory.allocatedBytes(watcher);
    }
  }

  /** A replica has timed its steps. */
  synchronized void timed() {
    untimed--;
    if (untimed == 0) {
      long allocated = JvmMemory.allocatedBytes(watcher) - allocatedBefore;
      allocatedPerStep = (double) allocated / (steps - warmSteps);
    }
  }

  /** A replica has failed; the first one's reason stands. */
  synchronized void failed(Throwable reason) {
    failure = failure == null ? reason : failure;
  }

  synchronized Optional<Throwable> failure() {
    return Optional.ofNullable(failure);
  }

  synchronized boolean allWarm() {
    return cold == 0;
  }

  synchronized boolean allTimed() {
    return untimed == 0;
  }

  /** Steps of all replicas so far. */
  synchronized long steps() {
    return steps;
  }

  /** Steps of all replicas before the last of them was warm. */
  synchronized long warmSteps() {
    return warmSteps;
  }

  /** Bytes that all threads allocated, while steps were timed, for each step of each replica. */
  synchronized double allocatedPerStep() {
    return allocatedPerStep;
  }
}
