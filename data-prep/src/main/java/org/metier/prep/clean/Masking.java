package org.metier.prep.clean;

/** Replaces what a pattern finds; one pass over the text, written by hand for speed. */
final class Masking {
  private Masking() {}

  /** Something that can be recognised at a place in a text. */
  interface Pattern {

    /** Index behind the match that starts at {@code start}, or -1 if there is none. */
    int end(String text, int start);
  }

  /** The text with every match replaced; the text itself if there is none. */
  static String replace(String text, Pattern pattern, String replacement) {
    StringBuilder masked = null; // until there is a match
    int copied = 0;
    for (int i = 0; i < text.length(); ) {
      int end = pattern.end(text, i);
      if (end < 0) {
        i++;
        continue;
      }
      if (masked == null) {
        masked = new StringBuilder(text.length());
      }
      masked.append(text, copied, i).append(replacement);
      copied = end;
      i = end;
    }
    return masked == null ? text : masked.append(text, copied, text.length()).toString();
  }

  static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  /** True if nothing that belongs to a word or number stands at {@code index}. */
  static boolean isBoundary(String text, int index) {
    return index < 0 || index >= text.length() || !Character.isLetterOrDigit(text.charAt(index));
  }
}
