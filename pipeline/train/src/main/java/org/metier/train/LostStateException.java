package org.metier.train;

/** Blocks that only executors held are gone. The message is one line that names the round. */
public final class LostStateException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public LostStateException(String message, Throwable cause) {
    super(message, cause);
  }
}
