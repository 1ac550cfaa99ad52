package org.metier.prep.tokenize;

/**
 * Cuts text into the words inside which merges may happen. The rule is the published one of GPT-4's
 * cl100k encoding, which Llama 3 and, with single digits, Qwen use; {@link #PATTERN} is that
 * expression and the scanner below is the same rule by hand, on UTF-8 bytes, an order of magnitude
 * faster than a regular-expression engine. Runs of white space stay together, so that indented code
 * costs few tokens; numbers are cut into groups of at most three digits.
 */
public final class PreTokenizer {
  /** The rule as a regular expression ({@code \s} is Unicode's White_Space). */
  public static final String PATTERN =
      "'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])"
          + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
          + "|\\p{N}{1,3}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
          + "|\\s*[\\r\\n]+"
          + "|\\s+(?!\\S)"
          + "|\\s+";

  private static final byte OTHER = 0;
  private static final byte LETTER = 1;
  private static final byte NUMBER = 2;
  private static final byte SPACE = 3; // white space that is no NEWLINE
  private static final byte NEWLINE = 4; // \r and \n alone

  private static final byte[] CLASS_OF_BMP = new byte[1 << 16];

  static {
    for (int codePoint = 0; codePoint < CLASS_OF_BMP.length; codePoint++) {
      CLASS_OF_BMP[codePoint] = classify(codePoint);
    }
  }

  private byte[] text = new byte[0];
  private int end;
  private int from;
  private int to;
  private byte peeked; // class of the code point that peek read last
  private int peekedEnd; // where it ends

  /** Begins with a new text, {@code utf8[0, length)}, which must be valid UTF-8. */
  public void reset(byte[] utf8, int length) {
    text = utf8;
    end = length;
    from = 0;
    to = 0;
  }

  /** Moves to the next word; false if there is none. */
  public boolean next() {
    if (to == end) {
      return false;
    }
    from = to;
    to = wordEnd(from);
    return true;
  }

  /** First byte of the current word. */
  public int from() {
    return from;
  }

  /** Byte after the current word. */
  public int to() {
    return to;
  }

  private int wordEnd(int start) {
    if (text[start] == '\'') {
      int contraction = contractionEnd(start);
      if (contraction > 0) {
        return contraction;
      }
    }
    peek(start);
    byte first = peeked;
    int second = peekedEnd;
    if (first == LETTER) {
      return runEnd(second, LETTER);
    }
    if (first == NUMBER) {
      return numberEnd(second);
    }
    byte next = second < end ? peek(second) : SPACE;
    if (first != NEWLINE && second < end && next == LETTER) {
      return runEnd(peekedEnd, LETTER);
    }
    if (first == OTHER) {
      return newlinesEnd(runEnd(second, OTHER));
    }
    if (text[start] == ' ' && second < end && next == OTHER) {
      return newlinesEnd(runEnd(peekedEnd, OTHER));
    }
    return whiteSpaceEnd(start);
  }

  private int contractionEnd(int start) {
    if (start + 1 >= end) {
      return -1;
    }
    int first = text[start + 1] | 0x20;
    if (first == 's' || first == 'd' || first == 'm' || first == 't') {
      return isAsciiLetter(text[start + 1]) ? start + 2 : -1;
    }
    if (start + 2 >= end || !isAsciiLetter(text[start + 1]) || !isAsciiLetter(text[start + 2])) {
      return -1;
    }
    int second = text[start + 2] | 0x20;
    boolean two =
        (first == 'l' && second == 'l')
            || (first == 'v' && second == 'e')
            || (first == 'r' && second == 'e');
    return two ? start + 3 : -1;
  }

  private static boolean isAsciiLetter(byte b) {
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
  }

  private int runEnd(int position, byte wanted) {
    int i = position;
    while (i < end && peek(i) == wanted) {
      i = peekedEnd;
    }
    return i;
  }

  private int numberEnd(int position) {
    int i = position;
    for (int digits = 1; digits < 3 && i < end && peek(i) == NUMBER; digits++) {
      i = peekedEnd;
    }
    return i;
  }

  private int newlinesEnd(int position) {
    int i = position;
    while (i < end && (text[i] == '\n' || text[i] == '\r')) {
      i++;
    }
    return i;
  }

  /**
   * A run of white space: up to its last newline, or else all but what the next word begins with.
   */
  private int whiteSpaceEnd(int start) {
    int afterNewline = -1;
    int last = start; // where the run's last code point begins
    int i = start;
    while (i < end) {
      byte type = peek(i);
      if (type != SPACE && type != NEWLINE) {
        break;
      }
      last = i;
      i = peekedEnd;
      if (type == NEWLINE) {
        afterNewline = i;
      }
    }
    if (afterNewline > 0) {
      return afterNewline;
    }
    return i == end || last == start ? i : last;
  }

  private byte peek(int position) {
    int lead = text[position];
    if (lead >= 0) {
      peekedEnd = position + 1;
      return peeked = CLASS_OF_BMP[lead];
    }
    if ((lead & 0xE0) == 0xC0) {
      peekedEnd = position + 2;
      return peeked = CLASS_OF_BMP[(lead & 0x1F) << 6 | (text[position + 1] & 0x3F)];
    }
    if ((lead & 0xF0) == 0xE0) {
      peekedEnd = position + 3;
      return peeked =
          CLASS_OF_BMP[
              (lead & 0x0F) << 12 | (text[position + 1] & 0x3F) << 6 | (text[position + 2] & 0x3F)];
    }
    peekedEnd = position + 4;
    return peeked =
        classify(
            (lead & 0x07) << 18
                | (text[position + 1] & 0x3F) << 12
                | (text[position + 2] & 0x3F) << 6
                | (text[position + 3] & 0x3F));
  }

  private static byte classify(int codePoint) {
    if (codePoint == '\r' || codePoint == '\n') {
      return NEWLINE;
    }
    if (isWhiteSpace(codePoint)) {
      return SPACE;
    }
    if (Character.isLetter(codePoint)) {
      return LETTER;
    }
    return switch (Character.getType(codePoint)) {
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER ->
          NUMBER;
      default -> OTHER;
    };
  }

  /** Unicode's White_Space property, which differs from both of Java's own predicates. */
  private static boolean isWhiteSpace(int codePoint) {
    return (codePoint >= 0x09 && codePoint <= 0x0D)
        || codePoint == 0x85
        || Character.isSpaceChar(codePoint);
  }
}
