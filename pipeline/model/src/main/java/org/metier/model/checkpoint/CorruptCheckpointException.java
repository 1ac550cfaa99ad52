package org.metier.model.checkpoint;

/** A checkpoint that cannot be trusted. The message is one line that names the file. */
public final class CorruptCheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CorruptCheckpointException(String message) {
    super(message);
  }

  public CorruptCheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
