package org.metier.prep.filter;

import java.util.List;
import java.util.Optional;
import org.metier.prep.document.RejectReason;
import org.metier.prep.text.Hashing;

/**
 * The repetition rules of Gopher (Rae et al. 2021, "Scaling Language Models", table A1); the
 * published thresholds are the defaults of {@code prepare.cleaning.gopherRepetition}. What comes a
 * second time, or more often, is a duplicate; its first occurrence is not, nor are overlapping
 * n-grams counted twice: that is datatrove's reading of the paper, with which FineWeb was made
 * (Penedo et al. 2024). Of a text of more than a million words or lines the first million count.
 * Characters are UTF-16 units, and shares of characters are shares of the whole text. Texts are
 * compared by 64-bit hashes.
 *
 * @param maxDuplicateLines share of lines (0.30)
 * @param maxDuplicateParagraphs share of paragraphs, which empty lines divide (0.30)
 * @param maxDuplicateLineCharacters share of characters in duplicate lines (0.20)
 * @param maxDuplicateParagraphCharacters share of characters in duplicate paragraphs (0.20)
 * @param maxTopNgramCharacters share of characters in the most frequent n-gram of words, if it
 *     comes twice; for n = 2, 3, 4 (0.20, 0.18, 0.16)
 * @param maxDuplicateNgramCharacters share of characters in duplicate n-grams of words, for n = 5
 *     to 10 (0.15, 0.14, 0.13, 0.12, 0.11, 0.10)
 */
public record GopherRepetitionFilter(
    double maxDuplicateLines,
    double maxDuplicateParagraphs,
    double maxDuplicateLineCharacters,
    double maxDuplicateParagraphCharacters,
    List<Double> maxTopNgramCharacters,
    List<Double> maxDuplicateNgramCharacters)
    implements DocumentFilter {
  /** Of a longer text only so many lines, paragraphs and words are looked at: 32 MB of tables. */
  private static final int MAX_PIECES = 1 << 20;

  private static final int FIRST_TOP = 2;
  private static final int FIRST_DUPLICATE = 5;

  public GopherRepetitionFilter {
    maxTopNgramCharacters = List.copyOf(maxTopNgramCharacters);
    maxDuplicateNgramCharacters = List.copyOf(maxDuplicateNgramCharacters);
    if (maxTopNgramCharacters.size() != 3) {
      throw new IllegalArgumentException(
          "maxTopNgramCharacters must have 3 shares, for n = 2, 3, 4; has "
              + maxTopNgramCharacters.size());
    }
    if (maxDuplicateNgramCharacters.size() != 6) {
      throw new IllegalArgumentException(
          "maxDuplicateNgramCharacters must have 6 shares, for n = 5 to 10; has "
              + maxDuplicateNgramCharacters.size());
    }
  }

  @Override
  public Optional<RejectReason> reject(String text) {
    Pieces paragraphs = new Pieces(text, 2);
    if (paragraphs.duplicates > maxDuplicateParagraphs * paragraphs.pieces) {
      return Optional.of(RejectReason.GOPHER_DUPLICATE_PARAGRAPHS);
    }
    if (paragraphs.duplicateCharacters > maxDuplicateParagraphCharacters * paragraphs.characters) {
      return Optional.of(RejectReason.GOPHER_DUPLICATE_PARAGRAPH_CHARACTERS);
    }
    Pieces lines = new Pieces(text, 1);
    if (lines.duplicates > maxDuplicateLines * lines.pieces) {
      return Optional.of(RejectReason.GOPHER_DUPLICATE_LINES);
    }
    if (lines.duplicateCharacters > maxDuplicateLineCharacters * lines.characters) {
      return Optional.of(RejectReason.GOPHER_DUPLICATE_LINE_CHARACTERS);
    }
    return rejectNgrams(text);
  }

  /** The pieces of a text between runs of line feeds, and how many of them had come before. */
  private static final class Pieces {
    private int pieces;
    private int duplicates;
    private long duplicateCharacters;
    private int characters; // looked at

    /**
     * @param lineFeeds how many in a row divide two pieces: 1 for lines, 2 for paragraphs
     */
    Pieces(String text, int lineFeeds) {
      HashCounts seen = new HashCounts(64);
      int length = text.length();
      int start = 0;
      while (start < length && pieces < MAX_PIECES) {
        int end = text.indexOf('\n', start);
        int next = afterLineFeeds(text, end);
        while (end >= 0 && next - end < lineFeeds) {
          end = text.indexOf('\n', next);
          next = afterLineFeeds(text, end);
        }
        end = end < 0 ? length : end;
        if (end > start) {
          pieces++;
          if (seen.add(Hashing.of(text, start, end)) > 1) {
            duplicates++;
            duplicateCharacters += end - start;
          }
        }
        start = Math.max(next, end);
      }
      characters = start;
    }

    private static int afterLineFeeds(String text, int from) {
      int next = from;
      while (next >= 0 && next < text.length() && text.charAt(next) == '\n') {
        next++;
      }
      return next;
    }
  }

  private Optional<RejectReason> rejectNgrams(String text) {
    Words words = new Words(text);
    int size = Math.min(MAX_PIECES, words.size());
    int characters = size < words.size() ? words.start(size) : text.length();
    long[] hashes = new long[size];
    int[] lengths = new int[size + 1]; // characters of all words before
    for (int word = 0; word < size; word++) {
      hashes[word] = Hashing.of(text, words.start(word), words.end(word));
      lengths[word + 1] = lengths[word] + words.length(word);
    }
    long[] ngrams = hashes.clone();
    HashCounts counts = new HashCounts(size);
    int longest = FIRST_DUPLICATE + maxDuplicateNgramCharacters.size() - 1;
    for (int n = FIRST_TOP; n <= Math.min(longest, size); n++) {
      for (int i = 0; i + n <= size; i++) {
        ngrams[i] = Hashing.combine(ngrams[i], hashes[i + n - 1]);
      }
      int top = n - FIRST_TOP;
      int duplicate = n - FIRST_DUPLICATE;
      if (top < maxTopNgramCharacters.size()
          && top(ngrams, lengths, n, counts) > maxTopNgramCharacters.get(top) * characters) {
        return Optional.of(RejectReason.GOPHER_TOP_NGRAM);
      }
      if (duplicate >= 0
          && duplicates(ngrams, lengths, n, counts)
              > maxDuplicateNgramCharacters.get(duplicate) * characters) {
        return Optional.of(RejectReason.GOPHER_DUPLICATE_NGRAMS);
      }
      counts.clear();
    }
    return Optional.empty();
  }

  /** Characters, with the spaces between words, in the n-gram that is first to come most often. */
  private static long top(long[] ngrams, int[] lengths, int n, HashCounts counts) {
    int most = 1;
    int mostAt = 0;
    for (int i = 0; i + n < lengths.length; i++) {
      int count = counts.add(ngrams[i]);
      if (count > most) {
        most = count;
        mostAt = i;
      }
    }
    return most == 1 ? 0 : (long) most * (lengths[mostAt + n] - lengths[mostAt] + n - 1);
  }

  /** Characters, without the spaces between words, in n-grams that had come before. */
  private static long duplicates(long[] ngrams, int[] lengths, int n, HashCounts counts) {
    long characters = 0;
    int i = 0;
    while (i + n < lengths.length) {
      if (counts.add(ngrams[i]) > 1) {
        characters += lengths[i + n] - lengths[i];
        i += n;
      } else {
        i++;
      }
    }
    return characters;
  }
}
