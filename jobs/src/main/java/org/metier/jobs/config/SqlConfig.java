package org.metier.jobs.config;

import java.util.List;

/**
 * The {@code sql} section.
 *
 * @param query name of a file in {@code conf/sql}, without {@code .sql}; or a path that ends so
 * @param statement SQL to run instead
 * @param runs directories of the runs whose tables it sees
 * @param register database of the session's catalog that receives the tables; empty: none
 */
public record SqlConfig(String query, String statement, List<String> runs, String register) {
  public SqlConfig {
    if (!query.isBlank() && !statement.isBlank()) {
      throw new IllegalArgumentException("query and statement exclude each other");
    }
    if (runs.isEmpty()) {
      throw new IllegalArgumentException("runs must name at least one run's directory");
    }
    if (!register.matches("\\w*")) {
      throw new IllegalArgumentException(
          "register must be made of letters, digits and underscores, is '" + register + "'");
    }
    if (!register.isBlank() && runs.size() > 1) {
      throw new IllegalArgumentException("register takes the tables of one run, not of several");
    }
  }
}
