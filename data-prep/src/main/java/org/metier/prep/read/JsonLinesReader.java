package org.metier.prep.read;

import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.metier.prep.document.RejectReason;

/** Records of JSONL: one object a line. Blank lines are not records. */
final class JsonLinesReader implements RecordReader {
  private final LineReader lines;
  private final JsonRecordParser parser;

  JsonLinesReader(
      FileSlice slice, ReadingConfig config, JsonRecordParser parser, Configuration hadoop)
      throws IOException {
    this.lines = new LineReader(slice, config, hadoop);
    this.parser = parser;
  }

  @Override
  public RawRecord next() throws IOException {
    while (true) {
      LineReader.Outcome outcome = lines.next();
      switch (outcome) {
        case END -> {
          return null;
        }
        case TOO_LONG -> {
          return unreadable(outcome, RejectReason.RECORD_TOO_LONG);
        }
        case DAMAGED -> {
          return unreadable(outcome, lines.damage());
        }
        case LINE -> {
          RawRecord record = parse();
          if (record != null) {
            return record;
          }
        }
      }
    }
  }

  private RawRecord unreadable(LineReader.Outcome outcome, RejectReason reason) {
    return new RawRecord.Unreadable(lines.lineOffset(), reason, lines.excerpt(outcome));
  }

  /** The record of the current line; null if it is blank. */
  private RawRecord parse() {
    byte[] buffer = lines.buffer();
    int start = lines.lineStart();
    int length = lines.lineLength();
    if (lines.lineOffset() == 0) {
      int mark = byteOrderMark(buffer, start, length);
      start += mark;
      length -= mark;
    }
    if (isBlank(buffer, start, length)) {
      return null;
    }
    RejectReason reason = parser.parse(buffer, start, length);
    return reason == null
        ? new RawRecord.Readable(lines.lineOffset(), parser.text(), parser.domain())
        : unreadable(LineReader.Outcome.LINE, reason);
  }

  /** Bytes of the byte order mark at the beginning, 3 or 0. */
  static int byteOrderMark(byte[] buffer, int start, int length) {
    boolean there =
        length >= 3
            && buffer[start] == (byte) 0xEF
            && buffer[start + 1] == (byte) 0xBB
            && buffer[start + 2] == (byte) 0xBF;
    return there ? 3 : 0;
  }

  private static boolean isBlank(byte[] buffer, int start, int length) {
    for (int i = start; i < start + length; i++) {
      if (buffer[i] != ' ' && buffer[i] != '\t' && buffer[i] != '\r') {
        return false;
      }
    }
    return true;
  }

  @Override
  public void close() throws IOException {
    lines.close();
  }
}
