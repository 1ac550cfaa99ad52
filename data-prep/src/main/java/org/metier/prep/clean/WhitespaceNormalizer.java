package org.metier.prep.clean;

/**
 * Whitespace that nobody meant: spaces and tabs at the end of a line, more than two empty lines in
 * a row, empty lines at the beginning and the end of the text; no-break and other wide or narrow
 * spaces become plain ones. Indentation and the spaces within a line stay, so that programs and
 * tables keep their meaning. Lines end with LF ({@link UnicodeNormalizer} sees to that).
 */
public final class WhitespaceNormalizer implements TextCleaner {
  private static final long serialVersionUID = 1L;

  private static final int MAX_EMPTY_LINES = 2;

  @Override
  public String clean(String text) {
    StringBuilder clean = new StringBuilder(text.length());
    int emptyLines = 0;
    int length = text.length();
    for (int start = 0; start <= length; ) {
      int end = text.indexOf('\n', start);
      if (end < 0) {
        end = length;
      }
      int last = end;
      while (last > start && isSpace(text.charAt(last - 1))) {
        last--;
      }
      if (last == start) {
        emptyLines++;
      } else {
        if (!clean.isEmpty()) {
          int lineFeeds = 1 + Math.min(emptyLines, MAX_EMPTY_LINES);
          for (int i = 0; i < lineFeeds; i++) {
            clean.append('\n');
          }
        }
        appendLine(clean, text, start, last);
        emptyLines = 0;
      }
      start = end + 1;
    }
    return clean.length() == length && text.contentEquals(clean) ? text : clean.toString();
  }

  private static void appendLine(StringBuilder clean, String text, int start, int end) {
    int copied = start;
    for (int i = start; i < end; i++) {
      char c = text.charAt(i);
      if (c >= 0x80 && isSpace(c)) {
        clean.append(text, copied, i).append(' ');
        copied = i + 1;
      }
    }
    clean.append(text, copied, end);
  }

  /** Tab, space, and the other characters of the Unicode category Zs. */
  private static boolean isSpace(char c) {
    if (c < 0x80) {
      return c == ' ' || c == '\t';
    }
    return Character.getType(c) == Character.SPACE_SEPARATOR;
  }
}
