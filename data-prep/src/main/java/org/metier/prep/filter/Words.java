package org.metier.prep.filter;

import java.util.Arrays;

/**
 * The words of a text: what stands between whitespace. Of each word the core is known, too: the
 * word without the punctuation at its ends; it is empty where a word is punctuation alone. Places
 * are indices into the text.
 */
final class Words {
  private int[] starts; // of the cores
  private int[] ends; // of the cores
  private int size;

  /** Finds the words of a text. */
  Words(String text) {
    int expected = text.length() / 5 + 8; // an English word and its space take 5 to 6 characters
    starts = new int[expected];
    ends = new int[expected];
    int length = text.length();
    int i = 0;
    while (i < length) {
      while (i < length && Character.isWhitespace(text.charAt(i))) {
        i++;
      }
      int start = i;
      while (i < length && !Character.isWhitespace(text.charAt(i))) {
        i++;
      }
      if (i > start) {
        add(text, start, i);
      }
    }
  }

  private void add(String text, int wordStart, int wordEnd) {
    int start = wordStart;
    int end = wordEnd;
    while (start < end && isPunctuation(text.charAt(start))) {
      start++;
    }
    while (end > start && isPunctuation(text.charAt(end - 1))) {
      end--;
    }
    if (size == starts.length) {
      starts = Arrays.copyOf(starts, 2 * size);
      ends = Arrays.copyOf(ends, 2 * size);
    }
    starts[size] = start;
    ends[size] = end;
    size++;
  }

  /** Half of a surrogate pair counts as a letter: most of what lies there is writing. */
  private static boolean isPunctuation(char c) {
    return !Character.isLetterOrDigit(c) && !Character.isSurrogate(c);
  }

  /** Number of words, those that are punctuation alone included. */
  int size() {
    return size;
  }

  /** Start of the core of a word. */
  int start(int word) {
    return starts[word];
  }

  /** Index behind the core of a word. */
  int end(int word) {
    return ends[word];
  }

  /** Characters of the core of a word; 0 if it is punctuation alone. */
  int length(int word) {
    return ends[word] - starts[word];
  }
}
