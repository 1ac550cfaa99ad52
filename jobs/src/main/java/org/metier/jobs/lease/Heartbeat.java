package org.metier.jobs.lease;

import java.util.Map;

/**
 * What a holder says about itself every few seconds. When it said so is the file's modification
 * time.
 *
 * @param applicationId Spark's, empty until Spark has started
 * @param progress how far the work is: numbers and words by name, such as {@code round}
 */
public record Heartbeat(String applicationId, Map<String, Object> progress) {
  /** Before the first one. */
  public static final Heartbeat NONE = new Heartbeat("", Map.of());

  public Heartbeat {
    progress = Map.copyOf(progress);
  }
}
