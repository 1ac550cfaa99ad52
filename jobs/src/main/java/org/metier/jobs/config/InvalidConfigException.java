package org.metier.jobs.config;

/**
 * A configuration that cannot be used as it is. The message is one line that names the place and
 * the full key; the command line prints it alone and ends with exit code 2.
 */
public final class InvalidConfigException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public InvalidConfigException(String message) {
    super(message);
  }
}
