package org.metier.prep.tokenize;

import java.io.ByteArrayOutputStream;
import java.util.Optional;

/**
 * GPT-2's printable stand-in for each byte, in which byte-level vocabularies are written: the
 * byte's own Latin-1 character where that is visible, else the next free character from U+0100 on.
 */
final class ByteLevelAlphabet {
  private static final char[] CHARACTER_OF_BYTE = new char[256];
  private static final short[] BYTE_OF_CHARACTER = new short[0x200]; // -1 is none

  static {
    java.util.Arrays.fill(BYTE_OF_CHARACTER, (short) -1);
    int invisible = 0;
    for (int b = 0; b < 256; b++) {
      boolean visible = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xFF && b != 0xAD);
      CHARACTER_OF_BYTE[b] = (char) (visible ? b : 0x100 + invisible++);
      BYTE_OF_CHARACTER[CHARACTER_OF_BYTE[b]] = (short) b;
    }
  }

  private ByteLevelAlphabet() {}

  /** Bytes as characters. */
  static String write(byte[] bytes) {
    char[] name = new char[bytes.length];
    for (int i = 0; i < name.length; i++) {
      name[i] = CHARACTER_OF_BYTE[bytes[i] & 0xFF];
    }
    return new String(name);
  }

  /** Characters as bytes; empty if one of them stands for no byte. */
  static Optional<byte[]> read(String name) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(name.length());
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (c >= BYTE_OF_CHARACTER.length || BYTE_OF_CHARACTER[c] < 0) {
        return Optional.empty();
      }
      bytes.write(BYTE_OF_CHARACTER[c]);
    }
    return Optional.of(bytes.toByteArray());
  }
}
