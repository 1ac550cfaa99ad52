package org.metier.prep.filter;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import opennlp.tools.langdetect.Language;
import opennlp.tools.langdetect.LanguageDetectorConfig;
import opennlp.tools.langdetect.LanguageDetectorME;
import opennlp.tools.langdetect.LanguageDetectorModel;
import opennlp.tools.langdetect.ProbingLanguageDetectionResult;
import org.metier.prep.BadDataException;
import org.metier.prep.document.RejectReason;

/**
 * Keeps documents in the languages asked for, as Apache OpenNLP's detector finds them: a maximum
 * entropy model over character n-grams for 103 languages, that travels as a Maven artifact (10 MB).
 * It looks at a piece of the text after the other until its answer no longer changes, and at no
 * more than {@value #MAX_CHARACTERS} characters. Programs are in no language: leave this step out
 * for them.
 */
public final class LanguageFilter implements DocumentFilter {
  private static final long serialVersionUID = 1L;

  private static final int MAX_CHARACTERS = 1000;

  private final List<String> keep;
  private final double minScore;
  private transient LanguageDetectorME detector; // made where it is used: not serialisable

  /**
   * @throws BadDataException if a language is none that the detector knows
   */
  public LanguageFilter(LanguageConfig config) {
    keep = config.keep();
    minScore = config.minScore();
    TreeSet<String> known =
        new TreeSet<>(Arrays.asList(new LanguageDetectorME(Model.SHARED).getSupportedLanguages()));
    for (String language : keep) {
      if (!known.contains(language)) {
        throw new BadDataException(
            "prepare.cleaning.language.keep: "
                + language
                + " is not among the languages that can be told: "
                + String.join(" ", known));
      }
    }
  }

  @Override
  public Optional<RejectReason> reject(String text) {
    if (detector == null) {
      detector = new LanguageDetectorME(Model.SHARED);
    }
    LanguageDetectorConfig probing = new LanguageDetectorConfig();
    probing.setMaxLength(MAX_CHARACTERS);
    ProbingLanguageDetectionResult result =
        detector.probingPredictLanguages(
            text.length() > MAX_CHARACTERS ? text.substring(0, MAX_CHARACTERS) : text, probing);
    Language best = result.languages()[0];
    boolean kept = best.getConfidence() >= minScore && keep.contains(best.getLang());
    return kept ? Optional.empty() : Optional.of(RejectReason.LANGUAGE);
  }

  /** Loaded when a filter is made, once in a process; it is never changed. */
  private static final class Model {
    private static final LanguageDetectorModel SHARED = load();

    private static LanguageDetectorModel load() {
      String resource = "/langdetect-183.bin";
      try (InputStream in = LanguageDetectorModel.class.getResourceAsStream(resource)) {
        return new LanguageDetectorModel(in);
      } catch (IOException e) {
        throw new UncheckedIOException(resource + " cannot be read", e);
      }
    }
  }
}
