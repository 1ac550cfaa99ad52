package org.metier.prep.read;

import java.io.Closeable;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.metier.prep.BadDataException;
import org.metier.prep.PrepareConfig;
import org.metier.prep.document.Document;
import org.metier.prep.document.RejectReason;
import org.metier.prep.filter.DocumentFilter;

/**
 * The documents of one slice. Blank lines are not records; every other line becomes a document or
 * is counted with the reason why not.
 */
public final class DocumentReader implements Iterator<Document>, Closeable {
  /** Longer lines are rejected: they would not fit the memory of a small executor. */
  static final int MAX_LINE_BYTES = 64 << 20;

  private final FileSlice slice;
  private final LineReader lines;
  private final JsonRecordParser parser;
  private final List<DocumentFilter> filters;
  private final PrepareConfig config;
  private final ReadCounts counts = new ReadCounts();
  private Document next;

  public DocumentReader(
      FileSlice slice, PrepareConfig config, List<DocumentFilter> filters, Configuration hadoop) {
    this.slice = slice;
    this.config = config;
    this.filters = filters;
    this.parser = new JsonRecordParser(config.textField(), config.domainField(), MAX_LINE_BYTES);
    try {
      this.lines = new LineReader(slice, hadoop, MAX_LINE_BYTES);
    } catch (IOException e) {
      throw new BadDataException(slice.path() + " cannot be read: " + e.getMessage(), e);
    }
    next = read();
  }

  @Override
  public boolean hasNext() {
    return next != null;
  }

  @Override
  public Document next() {
    if (next == null) {
      throw new NoSuchElementException();
    }
    Document document = next;
    next = read();
    return document;
  }

  /** What has been met so far; complete when there is no next document. */
  public ReadCounts counts() {
    return counts;
  }

  private Document read() {
    try {
      while (true) {
        switch (lines.next()) {
          case END -> {
            close();
            return null;
          }
          case TOO_LONG -> reject(RejectReason.LINE_TOO_LONG);
          case TRUNCATED -> reject(RejectReason.TRUNCATED_FILE);
          case LINE -> {
            Document document = parse();
            if (document != null) {
              counts.keep(document, document.split(config.heldOutShare()));
              return document;
            }
          }
        }
      }
    } catch (IOException e) {
      throw new BadDataException(slice.path() + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** The document of the current line, or null if it is blank or rejected. */
  private Document parse() {
    byte[] buffer = lines.buffer();
    int start = lines.lineStart();
    int length = lines.lineLength();
    if (lines.lineOffset() == 0 && startsWithByteOrderMark(buffer, start, length)) {
      start += 3;
      length -= 3;
    }
    if (isBlank(buffer, start, length)) {
      return null;
    }
    RejectReason unreadable = parser.parse(buffer, start, length);
    if (unreadable != null) {
      reject(unreadable);
      return null;
    }
    for (DocumentFilter filter : filters) {
      Optional<RejectReason> reason = filter.reject(parser.text());
      if (reason.isPresent()) {
        reject(reason.get());
        return null;
      }
    }
    return Document.of(parser.text(), parser.domain(), config.seed());
  }

  private void reject(RejectReason reason) {
    counts.reject(reason, slice.file(), lines.lineOffset());
  }

  private static boolean startsWithByteOrderMark(byte[] buffer, int start, int length) {
    return length >= 3
        && buffer[start] == (byte) 0xEF
        && buffer[start + 1] == (byte) 0xBB
        && buffer[start + 2] == (byte) 0xBF;
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
  public void close() {
    try {
      lines.close();
    } catch (IOException e) {
      throw new BadDataException(slice.path() + " cannot be closed: " + e.getMessage(), e);
    }
  }
}
