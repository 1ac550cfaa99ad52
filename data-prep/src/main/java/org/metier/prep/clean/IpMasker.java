package org.metier.prep.clean;

/**
 * Puts {@value #MASK} in place of public addresses of the Internet Protocol. Addresses that IANA's
 * special-purpose registries (RFC 6890) keep for private networks, loopback, documentation and the
 * like tell nobody's place and stay. Of version 6, global unicast addresses (2000::/3, RFC 4291)
 * are masked.
 */
public final class IpMasker implements TextCleaner {
  private static final long serialVersionUID = 1L;

  static final String MASK = "|||IP_ADDRESS|||";

  @Override
  public String clean(String text) {
    return Masking.replace(text, IpMasker::end, MASK);
  }

  private static int end(String text, int start) {
    char c = text.charAt(start);
    if (!Masking.isDigit(c) || !Masking.isBoundary(text, start - 1)) {
      return -1;
    }
    if (start > 0 && (text.charAt(start - 1) == '.' || text.charAt(start - 1) == ':')) {
      return -1; // the rest of something longer
    }
    int end = endOfVersion4(text, start);
    return end < 0 && (c == '2' || c == '3') ? endOfVersion6(text, start) : end;
  }

  private static int endOfVersion4(String text, int start) {
    int address = 0;
    int i = start;
    for (int octet = 0; octet < 4; octet++) {
      if (octet > 0) {
        if (i >= text.length() || text.charAt(i) != '.') {
          return -1;
        }
        i++;
      }
      int first = i;
      int value = 0;
      while (i < text.length() && i < first + 3 && Masking.isDigit(text.charAt(i))) {
        value = 10 * value + text.charAt(i++) - '0';
      }
      if (i == first || value > 255 || (i > first + 1 && text.charAt(first) == '0')) {
        return -1;
      }
      address = address << 8 | value;
    }
    boolean goesOn =
        !Masking.isBoundary(text, i)
            || (i + 1 < text.length()
                && text.charAt(i) == '.'
                && Masking.isDigit(text.charAt(i + 1)));
    return goesOn || !isPublic(address) ? -1 : i;
  }

  /** False for the blocks of RFC 6890 and for multicast and reserved addresses. */
  private static boolean isPublic(int address) {
    int first = address >>> 24;
    int second = address >>> 16 & 0xFF;
    int third = address >>> 8 & 0xFF;
    return switch (first) {
      case 0, 10, 127 -> false;
      case 100 -> second < 64 || second > 127;
      case 169 -> second != 254;
      case 172 -> second < 16 || second > 31;
      case 192 -> second != 168 && !(second == 0 && (third == 0 || third == 2));
      case 198 -> second != 18 && second != 19 && !(second == 51 && third == 100);
      case 203 -> !(second == 0 && third == 113);
      default -> first < 224;
    };
  }

  private static int endOfVersion6(String text, int start) {
    int groups = 0;
    boolean compressed = false;
    boolean documentation = false;
    int i = start;
    while (true) {
      int first = i;
      while (i < text.length() && Character.digit(text.charAt(i), 16) >= 0) {
        i++;
      }
      int digits = i - first;
      if (digits > 4 || (groups == 0 && digits != 4)) {
        return -1;
      }
      if (digits > 0) {
        documentation |= groups == 1 && text.regionMatches(true, start, "2001:db8", 0, i - start);
        groups++;
      }
      if (i + 1 >= text.length() || text.charAt(i) != ':') {
        break;
      }
      boolean pair = text.charAt(i + 1) == ':';
      if (pair && compressed) {
        return -1;
      }
      if (!pair && Character.digit(text.charAt(i + 1), 16) < 0) {
        break; // a colon behind the address
      }
      compressed |= pair;
      i += pair ? 2 : 1;
    }
    boolean complete = compressed ? groups >= 2 && groups <= 7 : groups == 8;
    return complete && !documentation && Masking.isBoundary(text, i) ? i : -1;
  }
}
