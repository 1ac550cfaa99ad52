package org.metier.jobs.config;

import java.util.List;

/**
 * The {@code query} section.
 *
 * @param name of the file in {@code conf/sql}, without {@code .sql}; or a path that ends so
 * @param runs directories of the runs whose tables it sees
 */
public record QueryConfig(String name, List<String> runs) {
  public QueryConfig {
    if (name.isBlank()) {
      throw new IllegalArgumentException("name must not be empty");
    }
    if (runs.isEmpty()) {
      throw new IllegalArgumentException("runs must name at least one run's directory");
    }
  }
}
