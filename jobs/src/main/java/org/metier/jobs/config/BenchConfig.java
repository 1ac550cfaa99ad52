package org.metier.jobs.config;

/**
 * The {@code bench} section.
 *
 * @param steps timed steps of each worker
 * @param warmupSeconds least time of the steps before them
 * @param profile print where a step's time goes
 */
public record BenchConfig(int steps, double warmupSeconds, boolean profile) {
  public BenchConfig {
    if (steps < 1) {
      throw new IllegalArgumentException("steps must be at least 1, is " + steps);
    }
    if (!(warmupSeconds >= 0)) {
      throw new IllegalArgumentException("warmupSeconds must not be negative, is " + warmupSeconds);
    }
  }
}
