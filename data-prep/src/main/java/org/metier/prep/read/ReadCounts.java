package org.metier.prep.read;

import java.io.Serializable;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.TreeMap;
import org.metier.prep.document.Document;
import org.metier.prep.document.DocumentCounts.Size;
import org.metier.prep.document.Outcome;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Rejected;

/** What reading has met: kept and rejected records always add up to the records read. */
public final class ReadCounts implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Where the first unreadable record lies: file number, byte offset in the uncompressed file. */
  public record BadRecord(int file, long offset, RejectReason reason) implements Serializable {
    boolean isBefore(BadRecord other) {
      return file < other.file || (file == other.file && offset < other.offset);
    }
  }

  private long records;
  private final EnumMap<RejectReason, Long> rejected = new EnumMap<>(RejectReason.class);
  private final TreeMap<String, Size> documentsOf = new TreeMap<>();
  private BadRecord firstUnreadable; // null until there is one

  /** Counts a record by what became of it. */
  void add(Outcome outcome) {
    records++;
    if (outcome instanceof Rejected rejection) {
      rejected.merge(rejection.reason(), 1L, Long::sum);
      if (rejection.reason().unreadable()) {
        mark(new BadRecord(rejection.file(), rejection.offset(), rejection.reason()));
      }
    } else if (outcome instanceof Document document) {
      documentsOf.merge(document.domain(), new Size(1, document.utf8().length), Size::plus);
    }
  }

  private void mark(BadRecord record) {
    if (firstUnreadable == null || record.isBefore(firstUnreadable)) {
      firstUnreadable = record;
    }
  }

  /** Adds what another part of the input has given. */
  public void add(ReadCounts other) {
    records += other.records;
    other.rejected.forEach((reason, count) -> rejected.merge(reason, count, Long::sum));
    other.documentsOf.forEach((domain, size) -> documentsOf.merge(domain, size, Size::plus));
    if (other.firstUnreadable != null) {
      mark(other.firstUnreadable);
    }
  }

  /** Records read, kept or not. */
  public long records() {
    return records;
  }

  /** Records rejected, by reason; reasons that did not occur are absent. */
  public Map<RejectReason, Long> rejected() {
    return rejected;
  }

  /** Records that could not be understood. */
  public long unreadable() {
    return rejected.entrySet().stream()
        .filter(entry -> entry.getKey().unreadable())
        .mapToLong(Map.Entry::getValue)
        .sum();
  }

  /** The first record that could not be understood, in the order of the input; null if none. */
  public BadRecord firstUnreadable() {
    return firstUnreadable;
  }

  /** Records that became documents. */
  public long documents() {
    return documentsOf.values().stream().mapToLong(Size::documents).sum();
  }

  /** Documents and their bytes by domain, sorted by name. */
  public Map<String, Size> byDomain() {
    return Collections.unmodifiableMap(documentsOf);
  }
}
