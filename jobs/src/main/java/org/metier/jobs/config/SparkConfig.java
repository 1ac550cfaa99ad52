package org.metier.jobs.config;

import java.util.Map;

/**
 * The {@code spark} section: used where spark-submit has not decided already.
 *
 * @param master Spark master of a run without spark-submit
 * @param conf Spark properties by their full names, such as {@code spark.executor.memory}
 */
public record SparkConfig(String master, Map<String, String> conf) {
  public SparkConfig {
    conf = Map.copyOf(conf);
    for (String key : conf.keySet()) {
      if (!key.startsWith("spark.")) {
        throw new IllegalArgumentException(
            "conf takes Spark properties only, whose names start with 'spark.'; found '"
                + key
                + "'");
      }
    }
  }
}
