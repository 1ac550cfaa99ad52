package org.metier.prep.read;

import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Rejected;

/** A stretch of a file in memory, which moves forward and grows no further than a record needs. */
final class ByteWindow implements Closeable {
  private static final int FIRST_BYTES = 1 << 18;

  private final InputBytes in;
  private byte[] bytes = new byte[FIRST_BYTES];
  private int limit;
  private long base; // offset of bytes[0] in the (uncompressed) file
  private RejectReason damage; // null while the file is sound

  ByteWindow(InputBytes in, long offset) {
    this.in = in;
    this.base = offset;
  }

  byte[] bytes() {
    return bytes;
  }

  /** End of the bytes in memory. */
  int limit() {
    return limit;
  }

  /** Offset of a byte of the window in the (uncompressed) file. */
  long offset(int position) {
    return base + position;
  }

  /** Why the file ends where it does; null if it is its end. */
  RejectReason damage() {
    return damage;
  }

  /**
   * Reads on. Bytes before {@code from} are given up, and {@code from} becomes 0; false, with the
   * bytes in their new place, at the end of the file.
   */
  boolean fill(int from) throws IOException {
    System.arraycopy(bytes, from, bytes, 0, limit - from);
    base += from;
    limit -= from;
    if (limit == bytes.length) {
      bytes = Arrays.copyOf(bytes, 2 * bytes.length);
    }
    if (damage != null) {
      return false;
    }
    try {
      int read = in.read(bytes, limit, bytes.length - limit);
      limit += Math.max(0, read);
      return read > 0;
    } catch (DamagedFileException e) {
      damage = e.reason();
      return false;
    }
  }

  /** The first characters of a record that cannot be read, as far as they are characters. */
  String excerpt(int start, int end) {
    int shown = Math.min(end - start, 4 * Rejected.EXCERPT_CHARACTERS); // bytes
    return new String(bytes, start, shown, StandardCharsets.UTF_8);
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
