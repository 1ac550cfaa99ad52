package org.metier.prep;

/**
 * Data that cannot be used as it is. The message is one line that says what is wrong and where
 * (file, row or key); the command line prints it alone and ends with exit code 3.
 */
public final class BadDataException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public BadDataException(String message) {
    super(message);
  }

  public BadDataException(String message, Throwable cause) {
    super(message, cause);
  }
}
