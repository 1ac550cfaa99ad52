package org.metier.engine.kernel;

/** A backend was asked for whose library or device is not there; the message says what to do. */
public final class MissingBackendException extends IllegalStateException {
  public MissingBackendException(String message) {
    super(message);
  }

  public MissingBackendException(String message, Throwable cause) {
    super(message, cause);
  }
}
