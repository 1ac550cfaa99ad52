package org.metier.jobs.config;

/**
 * The {@code status} section.
 *
 * @param follow look again and again for as long as the run is worked on
 * @param everySeconds time between two looks
 */
public record StatusConfig(boolean follow, double everySeconds) {
  public StatusConfig {
    if (!(everySeconds > 0)) {
      throw new IllegalArgumentException("everySeconds must be positive, is " + everySeconds);
    }
  }
}
