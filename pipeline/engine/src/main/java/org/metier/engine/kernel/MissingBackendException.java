package org.metier.engine.kernel;

/** A backend was asked for whose library is not on the class path; the message says what to add. */
public final class MissingBackendException extends IllegalStateException {
  public MissingBackendException(String message, Throwable cause) {
    super(message, cause);
  }
}
