package org.metier.prep.text;

import java.util.Arrays;

/**
 * A text as a sequence of hashed units, words or characters, without what a duplicate may differ
 * in: letter case, whitespace, and between words punctuation. A word is a run of letters, digits,
 * marks and underscores; in scripts that put no spaces between words every character is one. An
 * instance serves one text after the other, in one thread.
 */
public final class TextUnits {
  private static final byte[] ASCII = new byte[128]; // the small letter, 0 for what divides words

  static {
    for (char c = 0; c < 128; c++) {
      boolean inWord = Character.isLetterOrDigit(c) || c == '_';
      ASCII[c] = (byte) (inWord ? Character.toLowerCase(c) : 0);
    }
  }

  private long[] units = new long[1024];
  private int size;

  /** Takes the words of a text. */
  public void words(String text) {
    size = 0;
    long hash = 0; // of the word so far
    boolean inWord = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      int small = c < 128 ? ASCII[c] : small(c);
      if (small > 0) {
        hash = step(hash, small);
        inWord = true;
        continue;
      }
      if (inWord) {
        add(Hashing.mix(hash));
        hash = 0;
        inWord = false;
      }
      if (small < 0) {
        add(Hashing.mix(step(0, c)));
      }
    }
    if (inWord) {
      add(Hashing.mix(hash));
    }
  }

  /** Takes the characters of a text, runs of whitespace as one space. */
  public void characters(String text) {
    size = 0;
    boolean afterSpace = true;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean space = Character.isWhitespace(c);
      if (!space || !afterSpace) {
        add(Hashing.mix(step(0, space ? ' ' : Character.toLowerCase(c))));
      }
      afterSpace = space;
    }
    if (afterSpace && size > 0) {
      size--;
    }
  }

  private static long step(long hash, int c) {
    long next = (hash ^ c) * 0x9E3779B97F4A7C15L; // 2^64 / golden ratio
    return next ^ next >>> 29;
  }

  /** The small letter of a character in a word, 0 between words, -1 for a word of its own. */
  private static int small(char c) {
    if (isWordOfItsOwn(c)) {
      return -1;
    }
    boolean inWord = Character.isUnicodeIdentifierPart(c) || Character.isSurrogate(c);
    return inWord && !Character.isIdentifierIgnorable(c) ? Character.toLowerCase(c) : 0;
  }

  /** Han, Kana, Thai, Lao, Myanmar, Khmer: scripts without spaces between words. */
  private static boolean isWordOfItsOwn(char c) {
    if (c < 0x0E00) {
      return false;
    }
    return c < 0x0F00
        || (c >= 0x1000 && c < 0x10A0)
        || (c >= 0x1780 && c < 0x1800)
        || (c >= 0x3040 && c < 0x3100)
        || (c >= 0x3400 && c < 0xA000)
        || (c >= 0xF900 && c < 0xFB00);
  }

  private void add(long unit) {
    if (size == units.length) {
      units = Arrays.copyOf(units, 2 * size);
    }
    units[size++] = unit;
  }

  /** Number of units. */
  public int size() {
    return size;
  }

  /**
   * The hashes of all runs of {@code n} units, in their order; of a shorter text the one run that
   * is all of it. Empty if there are no units.
   */
  public long[] ngrams(int n) {
    if (size == 0) {
      return new long[0];
    }
    int length = Math.min(n, size);
    long[] ngrams = new long[size - length + 1];
    long leaving = 1; // base^length: weight of the unit that leaves the run
    long run = 0;
    for (int i = 0; i < length; i++) {
      run = run * BASE + units[i];
      leaving *= BASE;
    }
    ngrams[0] = Hashing.mix(run);
    for (int i = length; i < size; i++) {
      run = run * BASE + units[i] - leaving * units[i - length];
      ngrams[i - length + 1] = Hashing.mix(run);
    }
    return ngrams;
  }

  private static final long BASE = 0xD6E8FEB86659FD93L; // odd, so that no unit is lost
}
