package org.metier.train;

/** A worker's numbers are not finite, and the round came to nothing. One line names the worker. */
final class RefusedUpdateException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  RefusedUpdateException(String message) {
    super(message);
  }
}
