package org.metier.prep.pack;

import java.io.Serializable;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * How much of each domain training sees.
 *
 * @param method see {@link Method}
 * @param domains for {@code shares} a weight for each domain, for {@code budget} its tokens; 0
 *     leaves a domain out
 * @param temperature for {@code temperature}: 1 keeps the corpus's own shares, larger values bring
 *     domains closer to equal
 * @param tokens of all domains together, for {@code temperature} and {@code shares}; 0 means as
 *     many as the corpus has
 * @param maxRepeats a row is seen at most so often; up to four times repeated text is worth almost
 *     as much as new (Muennighoff et al. 2023, arXiv:2305.16264)
 */
public record MixtureConfig(
    Method method, Map<String, Double> domains, double temperature, long tokens, double maxRepeats)
    implements Serializable {

  /** Ways of mixing. */
  public enum Method {
    /** Every row once. */
    NATURAL,
    /**
     * Shares in proportion to size^(1 / temperature) (Arivazhagan et al. 2019, arXiv:1907.05019).
     */
    TEMPERATURE,
    /** Shares as given. */
    SHARES,
    /** Tokens of each domain as given. */
    BUDGET
  }

  public MixtureConfig {
    domains = Collections.unmodifiableMap(new TreeMap<>(domains));
    domains.forEach(
        (domain, value) -> require(value >= 0, "domains." + domain + " must not be negative"));
    boolean named = method == Method.SHARES || method == Method.BUDGET;
    require(
        !named || domains.values().stream().anyMatch(value -> value > 0),
        "domains must give at least one domain a positive number");
    require(temperature > 0, "temperature must be positive, is " + temperature);
    require(tokens >= 0, "tokens must not be negative, is " + tokens);
    require(maxRepeats > 0, "maxRepeats must be positive, is " + maxRepeats);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /** Every row once. */
  public static MixtureConfig natural() {
    return new MixtureConfig(Method.NATURAL, Map.of(), 1, 0, 4);
  }
}
