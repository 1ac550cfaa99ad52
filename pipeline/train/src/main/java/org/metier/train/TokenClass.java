package org.metier.train;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.metier.prep.tokenize.Tokenizer;

/**
 * What kind of thing a token is, from its own text alone. Experts of small models often specialise
 * by such classes rather than by topic (Xue et al., OpenMoE, arXiv 2402.01739, section 4), so this
 * is the control that domain specialisation has to stand beside.
 */
enum TokenClass {
  /** Letters after a space: the start of a word. */
  WORD,
  /** Letters, underscores and digits after a letter, without a space before. */
  WORD_PART,
  /** Digits, with or without a space before. */
  NUMBER,
  /** Brackets and quotation marks only. */
  BRACKET,
  /** Other ASCII punctuation only. */
  PUNCTUATION,
  /** Blanks, tabs and line ends only. */
  WHITESPACE,
  /** Text with characters outside ASCII, or a part of such a character. */
  NOT_ASCII,
  /** ASCII of several kinds, and control characters. */
  MIXED,
  /** The mark between documents. */
  SEPARATOR;

  private static final TokenClass[] ALL = values();

  /** Lower-case names, by number of the class. */
  static List<String> names() {
    return Arrays.stream(ALL).map(c -> c.name().toLowerCase(Locale.ROOT)).toList();
  }

  /** [V] number of each token's class. */
  static int[] ofVocabulary(Tokenizer tokenizer) {
    int[] classes = new int[tokenizer.vocabSize()];
    for (int id = 0; id < classes.length; id++) {
      classes[id] =
          (id == tokenizer.separator() ? SEPARATOR : of(tokenizer.decode(new int[] {id})))
              .ordinal();
    }
    return classes;
  }

  static TokenClass of(String text) {
    if (StandardCharsets.US_ASCII.newEncoder().canEncode(text)) {
      String body = text.strip();
      if (body.isEmpty()) {
        return WHITESPACE;
      } else if (body.matches("[0-9]+")) {
        return NUMBER;
      } else if (body.matches("[A-Za-z_][A-Za-z_0-9]*")) {
        return text.startsWith(" ") ? WORD : WORD_PART;
      } else if (body.matches("[\\[\\](){}<>\"'`]+")) {
        return BRACKET;
      } else if (body.matches("\\p{Punct}+")) {
        return PUNCTUATION;
      }
      return MIXED;
    }
    return NOT_ASCII;
  }
}
