package org.metier.prep.read;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import org.metier.prep.document.Document;
import org.metier.prep.document.DocumentCounts.Size;
import org.metier.prep.document.Outcome;
import org.metier.prep.document.OutcomeBlocks;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Rejected;
import org.metier.prep.document.Step;

/** What reading has met: documents and rejections must add up to the records. */
public final class ReadCounts implements Serializable {
  private static final long serialVersionUID = 1L;

  private long records;
  private final TreeMap<String, Size> documentsOf = new TreeMap<>();
  private final TreeMap<String, EnumMap<RejectReason, Long>> rejectedOf = new TreeMap<>();
  private final EnumMap<RejectReason, Rejected> first = new EnumMap<>(RejectReason.class);

  /** Counts a record that has been met, whatever becomes of it. */
  public void meet() {
    records++;
  }

  /** Counts what became of a record. */
  public void add(Outcome outcome) {
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

  /** Writes the counts as {@link #readFrom} reads them. */
  void writeTo(DataOutputStream out) throws IOException {
    out.writeLong(records);
    out.writeInt(documentsOf.size());
    for (Map.Entry<String, Size> domain : documentsOf.entrySet()) {
      writeString(domain.getKey(), out);
      out.writeLong(domain.getValue().documents());
      out.writeLong(domain.getValue().bytes());
    }
    out.writeInt(rejectedOf.size());
    for (Map.Entry<String, EnumMap<RejectReason, Long>> domain : rejectedOf.entrySet()) {
      writeString(domain.getKey(), out);
      out.writeInt(domain.getValue().size());
      for (Map.Entry<RejectReason, Long> reason : domain.getValue().entrySet()) {
        out.writeUTF(reason.getKey().name());
        out.writeLong(reason.getValue());
      }
    }
    for (Iterator<byte[]> blocks = OutcomeBlocks.encode(first.values().iterator());
        blocks.hasNext(); ) {
      byte[] block = blocks.next();
      out.writeInt(block.length);
      out.write(block);
    }
    out.writeInt(0);
  }

  /** The counts that {@link #writeTo} wrote. */
  static ReadCounts readFrom(DataInputStream in) throws IOException {
    ReadCounts counts = new ReadCounts();
    counts.records = in.readLong();
    for (int domains = in.readInt(); domains > 0; domains--) {
      counts.documentsOf.put(readString(in), new Size(in.readLong(), in.readLong()));
    }
    for (int domains = in.readInt(); domains > 0; domains--) {
      String domain = readString(in);
      for (int reasons = in.readInt(); reasons > 0; reasons--) {
        counts.add(domain, RejectReason.valueOf(in.readUTF()), in.readLong());
      }
    }
    for (int length = in.readInt(); length > 0; length = in.readInt()) {
      byte[] block = new byte[length];
      in.readFully(block);
      OutcomeBlocks.rejected(block).forEachRemaining(counts::mark);
    }
    return counts;
  }

  /** A domain may be longer than writeUTF takes. */
  private static void writeString(String string, DataOutputStream out) throws IOException {
    byte[] utf8 = string.getBytes(StandardCharsets.UTF_8);
    out.writeInt(utf8.length);
    out.write(utf8);
  }

  private static String readString(DataInputStream in) throws IOException {
    byte[] utf8 = new byte[in.readInt()];
    in.readFully(utf8);
    return new String(utf8, StandardCharsets.UTF_8);
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
    return rejected(Step.READ);
  }

  /** Records that left at a step. */
  public long rejected(Step step) {
    return rejected().entrySet().stream()
        .filter(entry -> entry.getKey().step() == step)
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
