package org.metier.jobs;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/**
 * What a user reads of an exception.
 *
 * @param code how the process ends
 * @param line one line
 */
record Failure(ExitCode code, String line) {

  /** Spark wraps what its tasks throw, so the whole chain of causes is asked. */
  static Failure of(Throwable thrown) {
    Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Throwable cause = thrown; cause != null && seen.add(cause); cause = cause.getCause()) {
      ExitCode code = ExitCode.of(cause);
      if (code != ExitCode.UNEXPECTED) {
        return new Failure(code, oneLine(cause.getMessage()));
      }
      if (cause instanceof OutOfMemoryError) {
        long megabytes = Runtime.getRuntime().maxMemory() >> 20;
        return new Failure(
            ExitCode.UNEXPECTED,
            "out of memory with a heap of %d MiB (%s); METIER_HEAP=%dm would be twice as much"
                .formatted(megabytes, oneLine(cause.getMessage()), 2 * megabytes));
      }
    }
    String message = thrown.getMessage() == null ? "" : ": " + oneLine(thrown.getMessage());
    return new Failure(
        ExitCode.UNEXPECTED, "unexpected " + thrown.getClass().getSimpleName() + message);
  }

  private static String oneLine(String message) {
    return String.valueOf(message).lines().findFirst().orElse("").strip();
  }
}
