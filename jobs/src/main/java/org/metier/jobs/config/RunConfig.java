package org.metier.jobs.config;

/**
 * The {@code run} section: what this run is called and where it lives.
 *
 * @param id name of the run; letters, digits, dots, dashes and underscores
 * @param directory receives everything that the run makes: checkpoints, metrics, tables, report
 * @param logFormat of the log in {@code logs}
 * @param leaseSeconds after which a run without a heartbeat may be taken over
 */
public record RunConfig(String id, String directory, LogFormat logFormat, int leaseSeconds) {
  /** Of a log's lines. */
  public enum LogFormat {
    /** For people. */
    TEXT,
    /** One JSON object each, for machines. */
    JSON
  }

  public RunConfig {
    if (!id.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
      throw new IllegalArgumentException(
          "id must be made of letters, digits, dots, dashes and underscores, is '" + id + "'");
    }
    if (directory.isBlank()) {
      throw new IllegalArgumentException("directory must not be empty");
    }
    if (leaseSeconds < 1) {
      throw new IllegalArgumentException("leaseSeconds must be at least 1, is " + leaseSeconds);
    }
  }

  /** Says who works on the run now, and how the last launch ended. */
  public String lease() {
    return directory + "/lease";
  }

  /** Receives the tables, one directory each. */
  public String tables() {
    return directory + "/tables";
  }

  /** The HTML report. */
  public String report() {
    return directory + "/report.html";
  }
}
