package org.metier.prep.read;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.metier.prep.document.RejectReason;

/** A file of plain text: one record. */
final class TextFileReader implements RecordReader {
  private final ByteWindow window;
  private final int maxBytes;
  private boolean read;

  TextFileReader(FileSlice slice, ReadingConfig config, Configuration hadoop) throws IOException {
    this.window = new ByteWindow(new InputBytes(slice.path(), hadoop, config.maxExpansion()), 0);
    this.maxBytes = config.maxRecordBytes();
  }

  @Override
  public RawRecord next() throws IOException {
    if (read) {
      return null;
    }
    read = true;
    while (window.limit() <= maxBytes && window.fill(0)) {
      // all of the file, or enough to know that it is too long
    }
    int length = window.limit();
    if (window.damage() != null) {
      return unreadable(window.damage());
    } else if (length > maxBytes) {
      return unreadable(RejectReason.RECORD_TOO_LONG);
    }
    byte[] bytes = window.bytes();
    int start = JsonLinesReader.byteOrderMark(bytes, 0, length);
    if (!Utf8.isValid(bytes, start, length)) {
      return unreadable(RejectReason.INVALID_UTF8);
    }
    String text = new String(bytes, start, length - start, StandardCharsets.UTF_8);
    return new RawRecord.Readable(0, text, "");
  }

  private RawRecord unreadable(RejectReason reason) {
    return new RawRecord.Unreadable(0, reason, window.excerpt(0, window.limit()));
  }

  @Override
  public void close() throws IOException {
    window.close();
  }
}
