package org.metier.prep.clean;

import java.io.Serializable;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.metier.prep.filter.C4Filter;
import org.metier.prep.filter.GopherQualityFilter;
import org.metier.prep.filter.GopherRepetitionFilter;
import org.metier.prep.filter.LanguageConfig;

/**
 * The {@code prepare.cleaning} section: what happens to each document before it counts as one.
 *
 * @param steps in this order, for every domain that {@code domains} does not name
 * @param domains the steps of single domains
 * @param language of the step {@code language}
 * @param gopherQuality of the step {@code gopher-quality}
 * @param gopherRepetition of the step {@code gopher-repetition}
 * @param c4 of the step {@code c4}
 */
public record CleaningConfig(
    List<Step> steps,
    List<DomainSteps> domains,
    LanguageConfig language,
    GopherQualityFilter gopherQuality,
    GopherRepetitionFilter gopherRepetition,
    C4Filter c4)
    implements Serializable {

  /** What can be done to a text. */
  public enum Step {
    UNICODE,
    WHITESPACE,
    MASK_EMAIL,
    MASK_IP,
    MASK_PHONE,
    LANGUAGE,
    GOPHER_QUALITY,
    GOPHER_REPETITION,
    C4
  }

  /** The steps of one domain. */
  public record DomainSteps(String domain, List<Step> steps) implements Serializable {
    public DomainSteps {
      steps = List.copyOf(steps);
    }
  }

  public CleaningConfig {
    steps = List.copyOf(steps);
    domains = List.copyOf(domains);
    Set<String> names = new HashSet<>();
    for (DomainSteps domain : domains) {
      if (!names.add(domain.domain())) {
        throw new IllegalArgumentException("domains names " + domain.domain() + " twice");
      }
      requireLanguages(domain.steps(), language);
    }
    requireLanguages(steps, language);
  }

  /** No steps, and the published thresholds: what metier-defaults.conf says. */
  public static CleaningConfig defaults() {
    return new CleaningConfig(
        List.of(),
        List.of(),
        new LanguageConfig(List.of(), 0.5),
        new GopherQualityFilter(
            50,
            100_000,
            3,
            10,
            0.1,
            0.9,
            0.3,
            0.8,
            2,
            List.of("the", "be", "to", "of", "and", "that", "have", "with")),
        new GopherRepetitionFilter(
            0.3,
            0.3,
            0.2,
            0.2,
            List.of(0.2, 0.18, 0.16),
            List.of(0.15, 0.14, 0.13, 0.12, 0.11, 0.1)),
        new C4Filter(3, 5, 1000, true, List.of()));
  }

  private static void requireLanguages(List<Step> steps, LanguageConfig language) {
    if (steps.contains(Step.LANGUAGE) && language.keep().isEmpty()) {
      throw new IllegalArgumentException(
          "language.keep must name at least one language for the step language");
    }
  }
}
