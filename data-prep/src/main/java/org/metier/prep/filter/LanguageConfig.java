package org.metier.prep.filter;

import java.io.Serializable;
import java.util.List;

/**
 * Which languages the step {@code language} keeps.
 *
 * @param keep codes of ISO 639-3 (eng, deu, cmn)
 * @param minScore smallest probability of the most probable language; below, no language counts as
 *     found
 */
public record LanguageConfig(List<String> keep, double minScore) implements Serializable {

  public LanguageConfig {
    keep = List.copyOf(keep);
    for (String language : keep) {
      if (!language.matches("[a-z]{3}")) {
        throw new IllegalArgumentException(
            "keep must list ISO 639-3 codes such as eng, deu, cmn; has '" + language + "'");
      }
    }
    if (!(minScore >= 0 && minScore <= 1)) {
      throw new IllegalArgumentException("minScore must lie between 0 and 1, is " + minScore);
    }
  }
}
