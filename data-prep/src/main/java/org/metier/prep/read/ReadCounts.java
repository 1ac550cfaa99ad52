package org.metier.prep.read;

import java.io.Serializable;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.metier.prep.document.Document;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Split;

/** What reading has met: kept and rejected records always add up to the records read. */
public final class ReadCounts implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Documents and their bytes of UTF-8 in one domain and split. */
  public static final class Kept implements Serializable {
    private static final long serialVersionUID = 1L;
    private long documents;
    private long bytes;

    public long documents() {
      return documents;
    }

    public long bytes() {
      return bytes;
    }
  }

  /** Where the first unreadable record lies: file number, byte offset in the uncompressed file. */
  public record BadRecord(int file, long offset, RejectReason reason) implements Serializable {
    boolean isBefore(BadRecord other) {
      return file < other.file || (file == other.file && offset < other.offset);
    }
  }

  private long records;
  private final EnumMap<RejectReason, Long> rejected = new EnumMap<>(RejectReason.class);
  private final EnumMap<Split, TreeMap<String, Kept>> kept = new EnumMap<>(Split.class);
  private BadRecord firstUnreadable; // null until there is one

  public ReadCounts() {
    for (Split split : Split.values()) {
      kept.put(split, new TreeMap<>());
    }
  }

  void reject(RejectReason reason, int file, long offset) {
    records++;
    rejected.merge(reason, 1L, Long::sum);
    if (reason.unreadable()) {
      mark(new BadRecord(file, offset, reason));
    }
  }

  void keep(Document document, Split split) {
    records++;
    Kept counts = kept.get(split).computeIfAbsent(document.domain(), domain -> new Kept());
    counts.documents++;
    counts.bytes += document.utf8().length;
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
    other.kept.forEach(
        (split, domains) ->
            domains.forEach(
                (domain, counts) -> {
                  Kept sum = kept.get(split).computeIfAbsent(domain, name -> new Kept());
                  sum.documents += counts.documents;
                  sum.bytes += counts.bytes;
                }));
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

  /** Names of all domains with a document, sorted. */
  public List<String> domains() {
    TreeSet<String> names = new TreeSet<>();
    kept.values().forEach(domains -> names.addAll(domains.keySet()));
    return List.copyOf(names);
  }

  /** Documents kept in all domains and splits. */
  public long documents() {
    return kept.values().stream()
        .flatMap(domains -> domains.values().stream())
        .mapToLong(Kept::documents)
        .sum();
  }

  /** Kept documents of a split by domain, sorted by name. */
  public Map<String, Kept> kept(Split split) {
    return kept.get(split);
  }
}
