package org.metier.prep.clean;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.metier.prep.clean.CleaningConfig.DomainSteps;
import org.metier.prep.clean.CleaningConfig.Step;
import org.metier.prep.document.RejectReason;
import org.metier.prep.filter.LanguageFilter;
import org.metier.prep.filter.LengthFilter;

/** The steps of every domain, ready to run. An instance serves one thread. */
public final class Cleaning implements Serializable {
  private static final long serialVersionUID = 1L;

  private final List<CleaningStep> steps;
  private final Map<String, List<CleaningStep>> stepsOf = new HashMap<>();

  /**
   * @param minCharacters fewest characters of what the steps leave
   * @throws org.metier.prep.BadDataException if a step cannot do what is asked of it
   */
  public Cleaning(CleaningConfig config, int minCharacters) {
    LengthFilter length = new LengthFilter(minCharacters);
    steps = steps(config.steps(), config, length);
    for (DomainSteps domain : config.domains()) {
      stepsOf.put(domain.domain(), steps(domain.steps(), config, length));
    }
  }

  private static List<CleaningStep> steps(
      List<Step> names, CleaningConfig config, LengthFilter length) {
    List<CleaningStep> steps = new ArrayList<>();
    for (Step name : names) {
      steps.add(
          switch (name) {
            case UNICODE -> new UnicodeNormalizer();
            case WHITESPACE -> new WhitespaceNormalizer();
            case MASK_EMAIL -> new EmailMasker();
            case MASK_IP -> new IpMasker();
            case MASK_PHONE -> new PhoneMasker();
            case LANGUAGE -> new LanguageFilter(config.language());
            case GOPHER_QUALITY -> config.gopherQuality();
            case GOPHER_REPETITION -> config.gopherRepetition();
            case C4 -> config.c4();
          });
    }
    steps.add(length);
    return steps;
  }

  /** What the steps of a domain make of a text. */
  public Cleaned apply(String text, String domain) {
    if (text.isBlank()) {
      return new Cleaned.Rejected(RejectReason.EMPTY_TEXT);
    }
    String current = text;
    for (CleaningStep step : stepsOf.getOrDefault(domain, steps)) {
      Cleaned cleaned = step.apply(current);
      if (!(cleaned instanceof Cleaned.Kept kept)) {
        return cleaned;
      }
      current = kept.text();
    }
    return new Cleaned.Kept(current);
  }
}
