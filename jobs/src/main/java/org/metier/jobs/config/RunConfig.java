package org.metier.jobs.config;

/**
 * The {@code run} section: what this run is called and where it lives.
 *
 * @param id name of the run; letters, digits, dots, dashes and underscores
 * @param directory receives everything that the run makes: checkpoints, metrics, tables, report
 */
public record RunConfig(String id, String directory) {
  public RunConfig {
    if (!id.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
      throw new IllegalArgumentException(
          "id must be made of letters, digits, dots, dashes and underscores, is '" + id + "'");
    }
    if (directory.isBlank()) {
      throw new IllegalArgumentException("directory must not be empty");
    }
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
