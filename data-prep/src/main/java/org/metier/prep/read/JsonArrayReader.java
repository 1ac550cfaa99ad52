package org.metier.prep.read;

import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.metier.prep.document.RejectReason;

/**
 * Records of a file that is one JSON array of objects. Only where the elements begin and end is
 * looked for here, so that one that is broken costs itself, and a file of any size fits the memory
 * of one element.
 */
final class JsonArrayReader implements RecordReader {
  private static final int NOT_AN_ELEMENT = -1;

  private final ByteWindow window;
  private final JsonRecordParser parser;
  private final int maxElementBytes;
  private int position; // next unread byte of the window
  private boolean opened;
  private boolean closed; // behind the closing bracket
  private boolean ended;

  JsonArrayReader(
      FileSlice slice, ReadingConfig config, JsonRecordParser parser, Configuration hadoop)
      throws IOException {
    this.window = new ByteWindow(new InputBytes(slice.path(), hadoop, config.maxExpansion()), 0);
    this.parser = parser;
    this.maxElementBytes = config.maxRecordBytes();
  }

  /** True if the first byte of a file that is neither blank nor a byte order mark is a bracket. */
  static boolean isArray(FileSlice slice, ReadingConfig config, Configuration hadoop)
      throws IOException {
    try (JsonArrayReader reader = new JsonArrayReader(slice, config, null, hadoop)) {
      return reader.firstByte() == '[';
    }
  }

  private int firstByte() throws IOException {
    if (window.limit() == 0) {
      window.fill(0);
      position = JsonLinesReader.byteOrderMark(window.bytes(), 0, window.limit());
    }
    return skipBlanks() ? window.bytes()[position] : NOT_AN_ELEMENT;
  }

  @Override
  public RawRecord next() throws IOException {
    if (!opened) {
      opened = true;
      firstByte();
      position++; // the bracket
    }
    while (!ended) {
      if (!skipBlanks()) {
        ended = true;
        return closed && window.damage() == null ? null : brokenOff(position);
      }
      byte first = window.bytes()[position];
      if (closed) {
        ended = true;
        return unreadable(window.offset(position), RejectReason.MALFORMED_JSON, position);
      } else if (first == ']') {
        closed = true;
        position++;
      } else if (first == ',') {
        position++;
      } else {
        return element();
      }
    }
    return null;
  }

  /** The file ended within the array. */
  private RawRecord brokenOff(int start) {
    RejectReason damage = window.damage();
    return unreadable(
        window.offset(start), damage == null ? RejectReason.TRUNCATED_FILE : damage, start);
  }

  private RawRecord unreadable(long offset, RejectReason reason, int start) {
    return new RawRecord.Unreadable(offset, reason, window.excerpt(start, window.limit()));
  }

  /** Moves to the next byte that is no white space; false at the end of the file. */
  private boolean skipBlanks() throws IOException {
    while (true) {
      byte[] bytes = window.bytes();
      while (position < window.limit()) {
        byte b = bytes[position];
        if (b != ' ' && b != '\t' && b != '\r' && b != '\n') {
          return true;
        }
        position++;
      }
      boolean more = window.fill(position);
      position = 0;
      if (!more) {
        return false;
      }
    }
  }

  /** Reads the element that begins here. */
  private RawRecord element() throws IOException {
    long offset = window.offset(position);
    ElementEnd end = new ElementEnd();
    String tooLong = null; // beginning of an element that is too long, when it is
    int start = position;
    while (true) {
      int stop = end.scan(window.bytes(), position, window.limit());
      boolean found = stop >= 0;
      position = found ? stop : window.limit();
      if (tooLong == null && position - start > maxElementBytes) {
        tooLong = window.excerpt(start, position);
      }
      if (found) {
        return tooLong == null
            ? parse(offset, start)
            : new RawRecord.Unreadable(offset, RejectReason.RECORD_TOO_LONG, tooLong);
      }
      int kept = tooLong == null ? start : position; // what is too long is not kept
      boolean more = window.fill(kept);
      position -= kept;
      start = 0;
      if (!more) {
        ended = true;
        return tooLong == null
            ? brokenOff(0)
            : new RawRecord.Unreadable(offset, RejectReason.RECORD_TOO_LONG, tooLong);
      }
    }
  }

  private RawRecord parse(long offset, int start) {
    RejectReason reason = parser.parse(window.bytes(), start, position - start);
    return reason == null
        ? new RawRecord.Readable(offset, parser.text(), parser.domain())
        : new RawRecord.Unreadable(offset, reason, window.excerpt(start, position));
  }

  @Override
  public void close() throws IOException {
    window.close();
  }

  /** Finds the end of one element: behind its closing bracket, or before what follows a scalar. */
  private static final class ElementEnd {
    private int depth;
    private boolean inString;
    private boolean escaped;

    /** The end within {@code bytes[from, to)}, or -1 if it lies beyond. */
    int scan(byte[] bytes, int from, int to) {
      for (int i = from; i < to; i++) {
        byte b = bytes[i];
        if (inString) {
          if (escaped) {
            escaped = false;
          } else if (b == '\\') {
            escaped = true;
          } else if (b == '"') {
            inString = false;
          }
          continue;
        }
        switch (b) {
          case '"' -> inString = true;
          case '{', '[' -> depth++;
          case '}', ']' -> {
            if (depth == 0) {
              return i; // the array's own, behind a scalar
            } else if (--depth == 0) {
              return i + 1;
            }
          }
          case ',' -> {
            if (depth == 0) {
              return i;
            }
          }
          default -> {}
        }
      }
      return -1;
    }
  }
}
