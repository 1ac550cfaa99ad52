package org.metier.engine.kernel;

/** An op cannot go on with the numbers that it was given. The message says which, in one line. */
public final class NotFiniteException extends ArithmeticException {
  private static final long serialVersionUID = 1L;

  public NotFiniteException(String message) {
    super(message);
  }
}
