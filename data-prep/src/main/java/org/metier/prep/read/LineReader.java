package org.metier.prep.read;

import java.io.Closeable;
import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.metier.prep.document.RejectReason;

/**
 * The lines that begin in a slice, as bytes without their newline. A line that begins in the slice
 * and ends beyond it belongs to this slice alone, so that slices together give every line once.
 */
final class LineReader implements Closeable {
  /** What became of the attempt to read one more line. */
  enum Outcome {
    LINE,
    TOO_LONG,
    /** The file broke off in this line: {@link #damage()} says why. */
    DAMAGED,
    END
  }

  private final ByteWindow window;
  private final long end;
  private final int maxLineBytes;
  private int position; // next unread byte of the window
  private int lineStart;
  private int lineEnd;
  private long lineOffset;
  private String tooLong = ""; // beginning of a line that is too long
  private boolean ended;

  LineReader(FileSlice slice, ReadingConfig config, Configuration hadoop) throws IOException {
    maxLineBytes = config.maxRecordBytes();
    InputBytes in = new InputBytes(slice.path(), hadoop, config.maxExpansion());
    if (FileFormat.isCompressed(slice.path())) {
      end = Long.MAX_VALUE;
      window = new ByteWindow(in, 0);
      return;
    }
    end = slice.end();
    // The line that covers start - 1 belongs to the slice before.
    long first = Math.max(0, slice.start() - 1);
    in.seek(first);
    window = new ByteWindow(in, first);
    if (slice.start() > 0) {
      skipLine();
    }
  }

  /** Reads one more line; its bytes are valid until the next call. */
  Outcome next() throws IOException {
    lineOffset = window.offset(position);
    if (ended || lineOffset >= end) {
      return Outcome.END;
    }
    int scanned = position;
    while (true) {
      byte[] bytes = window.bytes();
      int limit = window.limit();
      for (int i = scanned; i < limit; i++) {
        if (bytes[i] == '\n') {
          lineStart = position;
          lineEnd = i;
          position = i + 1;
          return i - lineStart > maxLineBytes ? tooLong() : Outcome.LINE;
        }
      }
      if (limit - position > maxLineBytes) {
        lineStart = position;
        lineEnd = limit;
        Outcome outcome = tooLong();
        skipLine();
        return outcome;
      }
      boolean more = window.fill(position);
      scanned = limit - position;
      position = 0;
      if (!more) {
        return lastLine();
      }
    }
  }

  private Outcome tooLong() {
    tooLong = window.excerpt(lineStart, lineEnd);
    return Outcome.TOO_LONG;
  }

  private Outcome lastLine() {
    lineStart = position;
    lineEnd = window.limit();
    position = lineEnd;
    ended = true;
    if (window.damage() != null) {
      return Outcome.DAMAGED;
    }
    return lineEnd > lineStart ? Outcome.LINE : Outcome.END;
  }

  private void skipLine() throws IOException {
    do {
      byte[] bytes = window.bytes();
      while (position < window.limit()) {
        if (bytes[position++] == '\n') {
          return;
        }
      }
    } while (fillBehind());
  }

  private boolean fillBehind() throws IOException {
    boolean more = window.fill(position);
    position = 0;
    return more;
  }

  byte[] buffer() {
    return window.bytes();
  }

  int lineStart() {
    return lineStart;
  }

  int lineLength() {
    return lineEnd - lineStart;
  }

  /** Offset of the line in the uncompressed file. */
  long lineOffset() {
    return lineOffset;
  }

  /** The beginning of a line that is too long or damaged. */
  String excerpt(Outcome outcome) {
    return outcome == Outcome.TOO_LONG ? tooLong : window.excerpt(lineStart, lineEnd);
  }

  /** Why the file broke off. */
  RejectReason damage() {
    return window.damage();
  }

  @Override
  public void close() throws IOException {
    window.close();
  }
}
