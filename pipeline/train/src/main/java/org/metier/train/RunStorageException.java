package org.metier.train;

import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.fs.FSError;

/** The run's directory cannot be reached or written. The message is one line that says where. */
public final class RunStorageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public RunStorageException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * What a file system said, if that is why something failed: Spark, and Hadoop itself, wrap it,
   * the latter in an Error.
   */
  static Optional<String> reason(Throwable thrown) {
    Optional<Throwable> found = Optional.empty();
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause instanceof IOException || cause instanceof FSError) {
        found = Optional.of(cause); // the innermost knows best
      }
    }
    return found.map(
        cause -> String.valueOf(cause.getMessage()).lines().findFirst().orElse("").strip());
  }
}
