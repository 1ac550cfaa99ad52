package org.metier.prep.clean;

/**
 * Puts {@value #MASK} in place of telephone numbers in one of two written forms: international
 * (ITU-T E.164: a plus sign and 8 to 15 digits) and North American (three, three and four digits,
 * the first of area and exchange from 2 to 9), with the usual spaces, dots, hyphens and brackets.
 * Bare runs of digits stay: they are far more often quantities and identifiers.
 */
public final class PhoneMasker implements TextCleaner {
  private static final long serialVersionUID = 1L;

  static final String MASK = "|||PHONE_NUMBER|||";

  private static final int MIN_DIGITS = 8;
  private static final int MAX_DIGITS = 15;

  @Override
  public String clean(String text) {
    return Masking.replace(text, PhoneMasker::end, MASK);
  }

  private static int end(String text, int start) {
    char c = text.charAt(start);
    if (c == '+') {
      return Masking.isBoundary(text, start - 1) ? endOfInternational(text, start + 1) : -1;
    }
    if (c != '(' && !Masking.isDigit(c)) {
      return -1;
    }
    boolean within =
        start > 0
            && (!Masking.isBoundary(text, start - 1) || ".-+".indexOf(text.charAt(start - 1)) >= 0);
    return within ? -1 : endOfNorthAmerican(text, start);
  }

  private static int endOfInternational(String text, int start) {
    int digits = 0;
    int end = -1;
    int separators = 0;
    int i = start;
    for (; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Masking.isDigit(c)) {
        if (digits == 0 && (c == '0' || i > start)) {
          return -1;
        }
        digits++;
        separators = 0;
        end = i + 1;
      } else if (" .-()/".indexOf(c) < 0 || ++separators > 2) {
        break;
      }
      if (digits > MAX_DIGITS) {
        return -1;
      }
    }
    return digits >= MIN_DIGITS && Masking.isBoundary(text, end) ? end : -1;
  }

  private static int endOfNorthAmerican(String text, int start) {
    int i = start;
    if (text.charAt(i) == '1' && i + 1 < text.length() && isSeparator(text.charAt(i + 1))) {
      i += 2;
    }
    boolean bracket = i < text.length() && text.charAt(i) == '(';
    if (bracket) {
      i++;
    }
    if (!isGroup(text, i, 3, true)) {
      return -1;
    }
    i += 3;
    if (bracket) {
      if (i >= text.length() || text.charAt(i) != ')') {
        return -1;
      }
      i++;
      if (i < text.length() && isSeparator(text.charAt(i))) {
        i++;
      }
    } else if (i >= text.length() || !isSeparator(text.charAt(i++))) {
      return -1;
    }
    if (!isGroup(text, i, 3, true) || i + 3 >= text.length() || !isSeparator(text.charAt(i + 3))) {
      return -1;
    }
    i += 4;
    return isGroup(text, i, 4, false) && Masking.isBoundary(text, i + 4) ? i + 4 : -1;
  }

  private static boolean isGroup(String text, int start, int digits, boolean fromTwo) {
    if (start + digits > text.length() || (fromTwo && text.charAt(start) < '2')) {
      return false;
    }
    for (int i = start; i < start + digits; i++) {
      if (!Masking.isDigit(text.charAt(i))) {
        return false;
      }
    }
    return true;
  }

  private static boolean isSeparator(char c) {
    return c == '-' || c == '.' || c == ' ';
  }
}
