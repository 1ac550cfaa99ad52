package org.metier.prep.clean;

/**
 * Puts {@value #MASK} in place of e-mail addresses: the dot-atom form of RFC 5322 with a domain of
 * at least two labels, the last of letters alone. The mask is the one of Dolma (Soldaini et al.
 * 2024).
 */
public final class EmailMasker implements TextCleaner {
  private static final long serialVersionUID = 1L;

  static final String MASK = "|||EMAIL_ADDRESS|||";

  @Override
  public String clean(String text) {
    StringBuilder masked = null; // until there is an address
    int copied = 0;
    for (int at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
      int start = localStart(text, at, copied);
      int end = start == at ? -1 : domainEnd(text, at + 1);
      if (end >= 0) {
        if (masked == null) {
          masked = new StringBuilder(text.length());
        }
        masked.append(text, copied, start).append(MASK);
        copied = end;
        at = end - 1;
      }
    }
    return masked == null ? text : masked.append(text, copied, text.length()).toString();
  }

  /** Start of the local part before an at sign, {@code at} if there is none. */
  private static int localStart(String text, int at, int from) {
    int start = at;
    while (start > from && isLocal(text.charAt(start - 1))) {
      start--;
    }
    while (start < at && !Character.isLetterOrDigit(text.charAt(start))) {
      start++; // what stands before an address: a full stop, a quotation mark, a slash
    }
    return start < at && text.charAt(at - 1) == '.' ? at : start;
  }

  /** Index behind the domain that starts here, or -1 if there is none. */
  private static int domainEnd(String text, int start) {
    int end = -1;
    int label = start;
    int letters = 0;
    int labels = 0;
    for (int i = start; i <= text.length(); i++) {
      char c = i < text.length() ? text.charAt(i) : ' ';
      if (isAsciiLetter(c)) {
        letters++;
      } else if (!Masking.isDigit(c) && !(c == '-' && i > label)) {
        labels++;
        if (labels >= 2 && i - label >= 2 && letters == i - label) {
          end = i;
        }
        if (c != '.' || i == label) {
          break;
        }
        label = i + 1;
        letters = 0;
      }
    }
    return end;
  }

  private static boolean isLocal(char c) {
    return isAsciiLetter(c) || Masking.isDigit(c) || "!#$%&'*+/=?^_`{|}~.-".indexOf(c) >= 0;
  }

  private static boolean isAsciiLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }
}
