package org.metier.prep.read;

import java.io.Closeable;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.metier.prep.BadDataException;
import org.metier.prep.document.Document;
import org.metier.prep.document.Outcome;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Rejected;
import org.metier.prep.filter.DocumentFilter;

/** The records of one slice: each is a document, or is rejected with the reason why not. */
public final class DocumentReader implements Iterator<Outcome>, Closeable {
  private final FileSlice slice;
  private final RecordReader records;
  private final RecordFields fields;
  private final DomainMap domains;
  private final List<DocumentFilter> filters;
  private final long seed;
  private final ReadCounts counts = new ReadCounts();
  private Outcome next; // null behind the last

  DocumentReader(
      FileSlice slice,
      RecordReader records,
      RecordFields fields,
      DomainMap domains,
      List<DocumentFilter> filters,
      long seed) {
    this.slice = slice;
    this.records = records;
    this.fields = fields;
    this.domains = domains;
    this.filters = filters;
    this.seed = seed;
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
    RawRecord record;
    try {
      record = records.next();
    } catch (IOException e) {
      throw new BadDataException(slice.path() + " cannot be read: " + e.getMessage(), e);
    }
    if (record == null) {
      close();
      return null;
    }
    counts.meet();
    Outcome outcome =
        record instanceof RawRecord.Readable readable
            ? outcome(readable)
            : rejected((RawRecord.Unreadable) record);
    counts.add(outcome);
    return outcome;
  }

  private Rejected rejected(RawRecord.Unreadable record) {
    return Rejected.of(record.reason(), "", slice.file(), record.offset(), record.excerpt());
  }

  private Outcome outcome(RawRecord.Readable record) {
    String text = record.text();
    String tag =
        slice.format() == FileFormat.TEXT
            ? slice.pathTag()
            : fields.tag(record.domainField(), slice.pathTag());
    if (tag.isBlank()) {
      return rejected(RejectReason.MISSING_DOMAIN, "", record);
    } else if (domains.isDropped(tag)) {
      return rejected(RejectReason.DROPPED_DOMAIN, domains.domain(tag), record);
    } else if (domains.isUnknown(tag)) {
      return rejected(RejectReason.UNKNOWN_DOMAIN, tag, record);
    }
    String domain = domains.domain(tag);
    for (DocumentFilter filter : filters) {
      Optional<RejectReason> reason = filter.reject(text);
      if (reason.isPresent()) {
        return rejected(reason.get(), domain, record);
      }
    }
    return Document.of(text, domain, seed, slice.file(), record.offset());
  }

  private Rejected rejected(RejectReason reason, String domain, RawRecord.Readable record) {
    return Rejected.of(reason, domain, slice.file(), record.offset(), record.text());
  }

  @Override
  public void close() {
    try {
      records.close();
    } catch (IOException e) {
      throw new BadDataException(slice.path() + " cannot be closed: " + e.getMessage(), e);
    }
  }
}
