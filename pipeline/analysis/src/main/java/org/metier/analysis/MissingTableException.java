package org.metier.analysis;

/** A table that is not there, or not for the run and step asked for; one line says which. */
public final class MissingTableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public MissingTableException(String message) {
    super(message);
  }
}
