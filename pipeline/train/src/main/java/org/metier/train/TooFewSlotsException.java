package org.metier.train;

/** Spark cannot run all workers at the same time. The message is one line that names the keys. */
public final class TooFewSlotsException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public TooFewSlotsException(String message) {
    super(message);
  }
}
