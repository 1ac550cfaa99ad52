package org.metier.prep.clean;

import java.util.List;
import org.metier.prep.clean.CleaningConfig.Step;
import org.metier.prep.filter.C4Filter;
import org.metier.prep.filter.GopherQualityFilter;
import org.metier.prep.filter.GopherRepetitionFilter;
import org.metier.prep.filter.LanguageConfig;

/** Cleaning with the published thresholds. */
public final class CleaningFixture {
  private CleaningFixture() {}

  public static CleaningConfig steps(Step... steps) {
    return new CleaningConfig(
        List.of(steps),
        List.of(),
        new LanguageConfig(List.of("eng"), 0.5),
        gopherQuality(),
        gopherRepetition(),
        c4());
  }

  public static GopherQualityFilter gopherQuality() {
    return new GopherQualityFilter(
        50,
        100_000,
        3,
        10,
        0.1,
        0.9,
        0.3,
        0.8,
        2,
        List.of("the", "be", "to", "of", "and", "that", "have", "with"));
  }

  public static GopherRepetitionFilter gopherRepetition() {
    return new GopherRepetitionFilter(
        0.3, 0.3, 0.2, 0.2, List.of(0.2, 0.18, 0.16), List.of(0.15, 0.14, 0.13, 0.12, 0.11, 0.10));
  }

  public static C4Filter c4() {
    return new C4Filter(3, 5, 1000, true, List.of());
  }
}
