package org.metier.jobs.config;

/**
 * The {@code bench} section.
 *
 * @param steps timed steps, after three that are not
 */
public record BenchConfig(int steps) {
  public BenchConfig {
    if (steps < 1) {
      throw new IllegalArgumentException("steps must be at least 1, is " + steps);
    }
  }
}
