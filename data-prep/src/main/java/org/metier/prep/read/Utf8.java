package org.metier.prep.read;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Tells UTF-8 (RFC 3629) from what only looks like it: overlong forms, surrogates, cut signs. */
final class Utf8 {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long HIGH_BITS = 0x8080808080808080L;

  private Utf8() {}

  /** True if {@code bytes[from, to)} is valid UTF-8. */
  static boolean isValid(byte[] bytes, int from, int to) {
    int i = from;
    while (i < to) {
      while (i + Long.BYTES <= to && ((long) LONG.get(bytes, i) & HIGH_BITS) == 0) {
        i += Long.BYTES;
      }
      if (i == to) {
        return true;
      }
      if (bytes[i] >= 0) {
        i++;
        continue;
      }
      int length = length(bytes, i, to);
      if (length == 0) {
        return false;
      }
      i += length;
    }
    return true;
  }

  /** Bytes of the sign that begins at {@code i}, which is not ASCII; 0 if there is none. */
  private static int length(byte[] bytes, int i, int to) {
    int lead = bytes[i] & 0xFF;
    int length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || to - i < length) {
      return 0;
    }
    for (int k = 1; k < length; k++) {
      if ((bytes[i + k] & 0xC0) != 0x80) {
        return 0;
      }
    }
    int second = bytes[i + 1] & 0xFF;
    boolean wrong =
        (lead == 0xE0 && second < 0xA0) // overlong
            || (lead == 0xED && second >= 0xA0) // a surrogate
            || (lead == 0xF0 && second < 0x90) // overlong
            || (lead == 0xF4 && second >= 0x90); // beyond U+10FFFF
    return wrong ? 0 : length;
  }
}
