package org.metier.prep.filter;

import java.util.List;
import java.util.Optional;
import org.metier.prep.document.RejectReason;

/**
 * The quality rules of Gopher for running text (Rae et al. 2021, "Scaling Language Models",
 * appendix A1.1); the published thresholds are the defaults of {@code
 * prepare.cleaning.gopherQuality}. Words stand between whitespace and are measured without the
 * punctuation at their ends; words of punctuation alone count only where the rule is about all
 * words. Lines are those with something on them. The rules are made for English: other languages
 * need other stop words, and scripts without spaces no filter of this kind.
 *
 * @param minWords fewest words of a document (50)
 * @param maxWords most words of a document (100,000)
 * @param minMeanWordLength characters (3)
 * @param maxMeanWordLength characters (10)
 * @param maxSymbolRatio most hash signs, and most ellipses, per word (0.1)
 * @param maxBulletLines largest share of lines that start with a bullet point (0.9)
 * @param maxEllipsisLines largest share of lines that end with an ellipsis (0.3)
 * @param minAlphabeticWords smallest share of words with a letter (0.8)
 * @param minStopWords how many different stop words must occur (2)
 * @param stopWords small letters (the, be, to, of, and, that, have, with)
 */
public record GopherQualityFilter(
    int minWords,
    int maxWords,
    double minMeanWordLength,
    double maxMeanWordLength,
    double maxSymbolRatio,
    double maxBulletLines,
    double maxEllipsisLines,
    double minAlphabeticWords,
    int minStopWords,
    List<String> stopWords)
    implements DocumentFilter {

  public GopherQualityFilter {
    stopWords = List.copyOf(stopWords);
    require(minWords >= 0, "minWords must not be negative, is " + minWords);
    require(maxWords >= minWords, "maxWords must be at least minWords, is " + maxWords);
    require(
        maxMeanWordLength >= minMeanWordLength,
        "maxMeanWordLength must be at least minMeanWordLength, is " + maxMeanWordLength);
    require(
        minStopWords <= stopWords.size(),
        "minStopWords must be at most the number of stopWords, is " + minStopWords);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  @Override
  public Optional<RejectReason> reject(String text) {
    Words words = new Words(text);
    Optional<RejectReason> reason = rejectLengths(words);
    if (reason.isEmpty()) {
      reason = rejectSymbols(text, words.size());
    }
    if (reason.isEmpty()) {
      reason = rejectLines(text);
    }
    return reason.isEmpty() ? rejectWords(text, words) : reason;
  }

  private Optional<RejectReason> rejectLengths(Words words) {
    int count = 0;
    long characters = 0;
    for (int word = 0; word < words.size(); word++) {
      int length = words.length(word);
      count += length > 0 ? 1 : 0;
      characters += length;
    }
    if (count < minWords) {
      return Optional.of(RejectReason.GOPHER_TOO_FEW_WORDS);
    }
    if (count > maxWords) {
      return Optional.of(RejectReason.GOPHER_TOO_MANY_WORDS);
    }
    boolean fits =
        characters >= minMeanWordLength * count && characters <= maxMeanWordLength * count;
    return fits ? Optional.empty() : Optional.of(RejectReason.GOPHER_MEAN_WORD_LENGTH);
  }

  private Optional<RejectReason> rejectSymbols(String text, int words) {
    int hashes = 0;
    int ellipses = 0;
    int dots = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      dots = c == '.' ? dots + 1 : 0;
      if (c == '#') {
        hashes++;
      } else if (c == '…' || dots == 3) {
        ellipses++;
        dots = 0;
      }
    }
    boolean fits = hashes <= maxSymbolRatio * words && ellipses <= maxSymbolRatio * words;
    return fits ? Optional.empty() : Optional.of(RejectReason.GOPHER_SYMBOLS);
  }

  private Optional<RejectReason> rejectLines(String text) {
    int lines = 0;
    int bullets = 0;
    int ellipses = 0;
    for (int start = 0; start < text.length(); ) {
      int end = text.indexOf('\n', start);
      end = end < 0 ? text.length() : end;
      int first = start;
      int last = end;
      while (first < last && Character.isWhitespace(text.charAt(first))) {
        first++;
      }
      while (last > first && Character.isWhitespace(text.charAt(last - 1))) {
        last--;
      }
      if (first < last) {
        lines++;
        bullets += isBullet(text.charAt(first)) ? 1 : 0;
        ellipses += endsWithEllipsis(text, first, last) ? 1 : 0;
      }
      start = end + 1;
    }
    if (bullets > maxBulletLines * lines) {
      return Optional.of(RejectReason.GOPHER_BULLET_LINES);
    }
    return ellipses > maxEllipsisLines * lines
        ? Optional.of(RejectReason.GOPHER_ELLIPSIS_LINES)
        : Optional.empty();
  }

  private static boolean isBullet(char c) {
    return c == '•' || c == '-' || c == '*' || c == '‣' || c == '◦';
  }

  private static boolean endsWithEllipsis(String text, int start, int end) {
    return text.charAt(end - 1) == '…' || (end - start >= 3 && text.startsWith("...", end - 3));
  }

  private Optional<RejectReason> rejectWords(String text, Words words) {
    int alphabetic = 0;
    boolean[] found = new boolean[stopWords.size()];
    int foundStopWords = 0;
    for (int word = 0; word < words.size(); word++) {
      int start = words.start(word);
      int end = words.end(word);
      for (int i = start; i < end; i++) {
        if (Character.isLetter(text.charAt(i)) || Character.isSurrogate(text.charAt(i))) {
          alphabetic++;
          break;
        }
      }
      if (foundStopWords < minStopWords) {
        int stopWord = stopWord(text, start, end - start);
        if (stopWord >= 0 && !found[stopWord]) {
          found[stopWord] = true;
          foundStopWords++;
        }
      }
    }
    if (alphabetic < minAlphabeticWords * words.size()) {
      return Optional.of(RejectReason.GOPHER_ALPHABETIC_WORDS);
    }
    return foundStopWords < minStopWords
        ? Optional.of(RejectReason.GOPHER_STOP_WORDS)
        : Optional.empty();
  }

  private int stopWord(String text, int start, int length) {
    for (int i = 0; i < stopWords.size(); i++) {
      String stopWord = stopWords.get(i);
      if (stopWord.length() == length && text.regionMatches(true, start, stopWord, 0, length)) {
        return i;
      }
    }
    return -1;
  }
}
