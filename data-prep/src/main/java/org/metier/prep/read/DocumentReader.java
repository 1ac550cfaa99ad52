package org.metier.prep.read;

import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.metier.prep.BadDataException;
import org.metier.prep.PrepareConfig;
import org.metier.prep.document.Document;
import org.metier.prep.document.Outcome;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Rejected;
import org.metier.prep.filter.DocumentFilter;

/**
 * The records of one slice. Blank lines are not records; every other line becomes a document or is
 * rejected with the reason why not.
 */
public final class DocumentReader implements Iterator<Outcome>, Closeable {
  /** Longer lines are rejected: they would not fit the memory of a small executor. */
  static final int MAX_LINE_BYTES = 64 << 20;

  private final FileSlice slice;
  private final LineReader lines;
  private final JsonRecordParser parser;
  private final List<DocumentFilter> filters;
  private final PrepareConfig config;
  private final ReadCounts counts = new ReadCounts();
  private Outcome next; // null behind the last

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
  public Outcome next() {
    if (next == null) {
      throw new NoSuchElementException();
    }
    Outcome outcome = next;
    next = read();
    return outcome;
  }

  /** What has been met so far; complete when there is no next record. */
  public ReadCounts counts() {
    return counts;
  }

  private Outcome read() {
    try {
      while (true) {
        LineReader.Outcome line = lines.next();
        if (line == LineReader.Outcome.END) {
          close();
          return null;
        }
        Outcome outcome =
            switch (line) {
              case TOO_LONG -> reject(RejectReason.LINE_TOO_LONG);
              case TRUNCATED -> reject(RejectReason.TRUNCATED_FILE);
              default -> parse();
            };
        if (outcome != null) {
          counts.add(outcome);
          return outcome;
        }
      }
    } catch (IOException e) {
      throw new BadDataException(slice.path() + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** The document of the current line or its rejection; null if it is blank. */
  private Outcome parse() {
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
      return reject(unreadable);
    }
    String text = parser.text();
    String domain = parser.domain();
    for (DocumentFilter filter : filters) {
      Optional<RejectReason> reason = filter.reject(text);
      if (reason.isPresent()) {
        return Rejected.of(reason.get(), domain, slice.file(), lines.lineOffset(), text);
      }
    }
    return Document.of(text, domain, config.seed(), slice.file(), lines.lineOffset());
  }

  /** The current line cannot be read: its raw beginning is all that there is to show. */
  private Rejected reject(RejectReason reason) {
    int shown = Math.min(lines.lineLength(), 4 * Rejected.EXCERPT_CHARACTERS); // bytes
    String raw = new String(lines.buffer(), lines.lineStart(), shown, StandardCharsets.UTF_8);
    return Rejected.of(reason, "", slice.file(), lines.lineOffset(), raw);
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
