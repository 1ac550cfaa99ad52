package org.metier.jobs.lease;

/** Another process lives and holds what this one wants to write to. One line that says who. */
public final class LeaseHeldException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public LeaseHeldException(String message) {
    super(message);
  }
}
