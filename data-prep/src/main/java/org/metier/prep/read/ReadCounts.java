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

/** What reading has met: documents and rejections must add up to the records. */
public final class ReadCounts implements Serializable {
  private static final long serialVersionUID = 1L;

  private long records;
  private final TreeMap<String, Size> documentsOf = new TreeMap<>();
  private final TreeMap<String, EnumMap<RejectReason, Long>> rejectedOf = new TreeMap<>();
  private final EnumMap<RejectReason, Rejected> first = new EnumMap<>(RejectReason.class);

  /** Counts a record that has been met, whatever becomes of it. */
  void meet() {
    records++;
  }

  /** Counts what became of a record. */
  void add(Outcome outcome) {
    if (outcome instanceof Rejected rejection) {
      add(rejection.domain(), rejection.reason(), 1);
      mark(rejection);
    } else if (outcome instanceof Document document) {
      documentsOf.merge(document.domain(), new Size(1, document.utf8().length), Size::plus);
    }
  }

  private void add(String domain, RejectReason reason, long count) {
    rejectedOf
        .computeIfAbsent(domain, name -> new EnumMap<>(RejectReason.class))
        .merge(reason, count, Long::sum);
  }

  private void mark(Rejected record) {
    first.merge(record.reason(), record, ReadCounts::earlier);
  }

  private static Rejected earlier(Rejected a, Rejected b) {
    boolean before = a.file() < b.file() || (a.file() == b.file() && a.offset() <= b.offset());
    return before ? a : b;
  }

  /** Adds what another part of the input has given. */
  public void add(ReadCounts other) {
    records += other.records;
    other.documentsOf.forEach((domain, size) -> documentsOf.merge(domain, size, Size::plus));
    other.rejectedOf.forEach(
        (domain, reasons) -> reasons.forEach((reason, count) -> add(domain, reason, count)));
    other.first.values().forEach(this::mark);
  }

  /** Records met. */
  public long records() {
    return records;
  }

  /** Records that became documents. */
  public long documents() {
    return documentsOf.values().stream().mapToLong(Size::documents).sum();
  }

  /** Documents and their bytes by domain, sorted by name. */
  public Map<String, Size> byDomain() {
    return Collections.unmodifiableMap(documentsOf);
  }

  /** Records rejected, by domain, empty if it is not known, and reason. */
  public Map<String, EnumMap<RejectReason, Long>> rejectedByDomain() {
    return Collections.unmodifiableMap(rejectedOf);
  }

  /** Records rejected, by reason; reasons that did not occur are absent. */
  public Map<RejectReason, Long> rejected() {
    EnumMap<RejectReason, Long> sum = new EnumMap<>(RejectReason.class);
    rejectedOf
        .values()
        .forEach(
            reasons -> reasons.forEach((reason, count) -> sum.merge(reason, count, Long::sum)));
    return sum;
  }

  /** Records that could not be understood. */
  public long unreadable() {
    return rejected().entrySet().stream()
        .filter(entry -> entry.getKey().unreadable())
        .mapToLong(Map.Entry::getValue)
        .sum();
  }

  /** The first record of each reason, in the order of the input. */
  public Map<RejectReason, Rejected> first() {
    return Collections.unmodifiableMap(first);
  }

  /** The first record that could not be understood; there must be one. */
  public Rejected firstUnreadable() {
    return first.values().stream()
        .filter(record -> record.reason().unreadable())
        .reduce(ReadCounts::earlier)
        .orElseThrow();
  }
}
