package org.metier.prep.filter;

import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.metier.prep.clean.Cleaned;
import org.metier.prep.clean.CleaningStep;
import org.metier.prep.document.RejectReason;

/**
 * The rules of the Colossal Clean Crawled Corpus (Raffel et al. 2020, section 2.2, with the figures
 * and the three rules that only its published code has: long words, policy lines, citations). Whole
 * documents go for a phrase, a curly bracket, a bad word, or too few sentences; of the others only
 * the lines that look like sentences stay. A sentence ends with a terminal mark before whitespace
 * or the end of the line.
 *
 * <p>C4's list of bad words is not part of Metier: {@code badWords} is the user's own.
 *
 * @param minSentences fewest sentences in what is left (3)
 * @param minWordsPerLine fewest words of a line that stays (5)
 * @param maxWordLength most characters of a word in a line that stays (1000)
 * @param terminalPunctuation true if a line must end with . ? ! or a quotation mark, and not with
 *     an ellipsis; FineWeb left this rule out
 * @param badWords documents with one of these words or phrases are rejected; small letters
 */
public record C4Filter(
    int minSentences,
    int minWordsPerLine,
    int maxWordLength,
    boolean terminalPunctuation,
    List<String> badWords)
    implements CleaningStep {
  private static final Pattern CITATION = Pattern.compile("\\[(?:\\d*|edit|citation needed)]");
  private static final List<String> POLICY =
      List.of(
          "terms of use",
          "privacy policy",
          "cookie policy",
          "uses cookies",
          "use of cookies",
          "use cookies");

  public C4Filter {
    badWords = List.copyOf(badWords);
    for (String word : badWords) {
      if (word.isBlank() || !word.equals(word.toLowerCase(Locale.ROOT))) {
        throw new IllegalArgumentException("badWords must be in small letters, has '" + word + "'");
      }
    }
  }

  @Override
  public Cleaned apply(String text) {
    if (text.indexOf('{') >= 0) {
      return new Cleaned.Rejected(RejectReason.C4_CURLY_BRACKET);
    }
    String small = text.toLowerCase(Locale.ROOT);
    if (small.contains("lorem ipsum")) {
      return new Cleaned.Rejected(RejectReason.C4_LOREM_IPSUM);
    }
    for (String word : badWords) {
      if (containsWord(small, word)) {
        return new Cleaned.Rejected(RejectReason.C4_BAD_WORDS);
      }
    }
    StringBuilder kept = new StringBuilder(text.length());
    int sentences = 0;
    for (int start = 0; start < text.length(); ) {
      int end = text.indexOf('\n', start);
      end = end < 0 ? text.length() : end;
      String whole = text.substring(start, end);
      start = end + 1;
      String line = whole.indexOf('[') >= 0 ? CITATION.matcher(whole).replaceAll("") : whole;
      line = line.strip();
      if (isKept(line)) {
        sentences += sentences(line);
        kept.append(kept.isEmpty() ? "" : "\n").append(line);
      }
    }
    return sentences < minSentences
        ? new Cleaned.Rejected(RejectReason.C4_TOO_FEW_SENTENCES)
        : new Cleaned.Kept(kept.toString());
  }

  private boolean isKept(String line) {
    if (line.isEmpty() || (terminalPunctuation && !endsLikeASentence(line))) {
      return false;
    }
    int words = 0;
    int start = 0;
    for (int i = 0; i <= line.length(); i++) {
      if (i == line.length() || Character.isWhitespace(line.charAt(i))) {
        if (i - start > maxWordLength) {
          return false;
        }
        words += i > start ? 1 : 0;
        start = i + 1;
      }
    }
    if (words < minWordsPerLine) {
      return false;
    }
    String small = line.toLowerCase(Locale.ROOT);
    return !small.contains("javascript") && POLICY.stream().noneMatch(small::contains);
  }

  private static boolean endsLikeASentence(String line) {
    char last = line.charAt(line.length() - 1);
    return (isTerminal(last) || isQuotationMark(last))
        && !line.endsWith("...")
        && !line.endsWith("…");
  }

  private static int sentences(String line) {
    int sentences = 0;
    boolean ended = false; // a terminal mark stands before this place, perhaps with quotation marks
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if (isTerminal(c)) {
        ended = true;
      } else if (ended && Character.isWhitespace(c)) {
        sentences++;
        ended = false;
      } else if (!isQuotationMark(c) && c != ')') {
        ended = false;
      }
    }
    return sentences + 1; // what is left has an end, the end of the line
  }

  private static boolean isTerminal(char c) {
    return c == '.' || c == '?' || c == '!';
  }

  private static boolean isQuotationMark(char c) {
    return c == '"' || c == '”';
  }

  private static boolean containsWord(String text, String word) {
    for (int i = text.indexOf(word); i >= 0; i = text.indexOf(word, i + 1)) {
      int end = i + word.length();
      boolean starts = i == 0 || !Character.isLetterOrDigit(text.charAt(i - 1));
      if (starts && (end == text.length() || !Character.isLetterOrDigit(text.charAt(end)))) {
        return true;
      }
    }
    return false;
  }
}
