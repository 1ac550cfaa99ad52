package org.metier.jobs.lease;

/**
 * This process held a lease and may no longer write: it stood still for so long that another took
 * over, or it is being stopped. One line that says which.
 */
public final class LeaseLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public LeaseLostException(String message) {
    super(message);
  }
}
