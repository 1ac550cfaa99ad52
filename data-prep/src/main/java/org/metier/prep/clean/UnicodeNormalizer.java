package org.metier.prep.clean;

import java.text.Normalizer;

/**
 * One spelling for what looks the same: Unicode normalisation form C (Unicode Standard Annex 15),
 * LF at the end of every line, and no characters that cannot be seen and mean nothing (byte order
 * marks, soft hyphens, control characters other than tab and line feed).
 *
 * <p>Form C, and not KC, since KC would write x² as x2 and so change formulas and programs. Spaces,
 * tabs and empty lines stay as they are. Zero-width joiners stay, since emoji and several scripts
 * need them.
 */
public final class UnicodeNormalizer implements TextCleaner {
  private static final long serialVersionUID = 1L;

  private static final char FIRST_COMBINING = '\u0300'; // below it form C changes nothing

  @Override
  public String clean(String text) {
    int first = firstInvisible(text);
    String visible = first < 0 ? text : withoutInvisible(text, first);
    return mayCompose(visible) ? Normalizer.normalize(visible, Normalizer.Form.NFC) : visible;
  }

  private static int firstInvisible(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (isInvisible(text.charAt(i))) {
        return i;
      }
    }
    return -1;
  }

  private static String withoutInvisible(String text, int first) {
    StringBuilder clean = new StringBuilder(text.length()).append(text, 0, first);
    for (int i = first; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!isInvisible(c)) {
        clean.append(c);
      } else if (c == '\r' || c == '\u0085' || c == '\u2028' || c == '\u2029') {
        boolean lineFeedFollows = c == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n';
        if (!lineFeedFollows) {
          clean.append('\n');
        }
      }
    }
    return clean.toString();
  }

  /** Line ends other than LF count among these: they are replaced. */
  private static boolean isInvisible(char c) {
    if (c < 0x80) {
      return c < ' ' ? c != '\n' && c != '\t' : c == 0x7F;
    }
    return c < 0xA0 || c == '\u00AD' || c == '\u2028' || c == '\u2029' || c == '\uFEFF';
  }

  private static boolean mayCompose(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) >= FIRST_COMBINING) {
        return !Normalizer.isNormalized(text, Normalizer.Form.NFC);
      }
    }
    return false;
  }
}
