package org.metier.prep.clean;

import java.util.List;
import org.metier.prep.clean.CleaningConfig.DomainSteps;
import org.metier.prep.clean.CleaningConfig.Step;
import org.metier.prep.filter.LanguageConfig;

/** Cleaning with the published thresholds. */
public final class CleaningFixture {
  private CleaningFixture() {}

  public static CleaningConfig steps(Step... steps) {
    return config(List.of(steps), List.of(), new LanguageConfig(List.of("eng"), 0.5));
  }

  public static CleaningConfig config(
      List<Step> steps, List<DomainSteps> domains, LanguageConfig language) {
    CleaningConfig published = CleaningConfig.defaults();
    return new CleaningConfig(
        steps,
        domains,
        language,
        published.gopherQuality(),
        published.gopherRepetition(),
        published.c4());
  }
}
