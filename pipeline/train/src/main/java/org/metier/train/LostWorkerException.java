package org.metier.train;

/** A worker stopped in the middle of an exchange. The message is one line that names it. */
public final class LostWorkerException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public LostWorkerException(String message) {
    super(message);
  }

  public LostWorkerException(String message, Throwable cause) {
    super(message, cause);
  }
}
