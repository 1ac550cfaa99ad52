package org.metier.train;

import org.metier.engine.kernel.NotFiniteException;

/**
 * Watches one worker's numbers over a round: from the first that is NaN or infinite on, the
 * worker's update is refused.
 */
final class FiniteGuard {
  private String refusal = "";

  /**
   * Takes note of a number.
   *
   * @param step optimiser steps of the run before this one
   * @param what the number is, for the message
   */
  void check(long step, String what, double number) {
    if (!Double.isFinite(number)) {
      refuse(step, "%s is %s".formatted(what, Double.isNaN(number) ? "NaN" : "infinite"));
    }
  }

  /** Runs a step, in which a kernel may find that it was given what is not finite. */
  void run(long step, Runnable work) {
    try {
      work.run();
    } catch (RuntimeException e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof NotFiniteException) {
          refuse(step, cause.getMessage());
          return;
        }
      }
      throw e;
    }
  }

  boolean refused() {
    return !refusal.isEmpty();
  }

  /** Step and number that were met first, in words; empty if all were finite. */
  String refusal() {
    return refusal;
  }

  private void refuse(long step, String reason) {
    if (refusal.isEmpty()) {
      refusal = "step %d: %s".formatted(step + 1, reason);
    }
  }

  /** True if a whole array is finite. */
  static boolean allFinite(float[] values) {
    float sum = 0;
    for (float value : values) {
      sum += value * 0; // 0, but for NaN and the infinite
    }
    return sum == 0;
  }
}
