package org.metier.prep.dedup;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.metier.prep.dedup.DeduplicationConfig.Keep;
import org.metier.prep.dedup.DeduplicationConfig.Within;
import org.metier.prep.document.RejectReason;

/** The clusters of documents that say the same, and which of each cluster stay. */
public final class Clusters {
  /** By falling length; of equally long ones by identity, so that it depends on no file. */
  private static final Comparator<Sketch> LONGEST =
      Comparator.comparingInt(Sketch::bytes)
          .reversed()
          .thenComparing(Sketch::high, Long::compareUnsigned)
          .thenComparing(Sketch::low, Long::compareUnsigned)
          .thenComparing(Sketch::domain)
          .thenComparingLong(Sketch::key);

  private static final Comparator<Sketch> FIRST = Comparator.comparingLong(Sketch::key);

  /**
   * One document of a cluster.
   *
   * @param cluster name of the cluster: 16 hexadecimal digits of the identity of the document that
   *     stands for it
   * @param domain the domain tag
   * @param file number of the file in the order of the input
   * @param offset where the record begins
   * @param bytes of UTF-8
   * @param dropped why it goes; empty if it stays
   */
  public record Member(
      String cluster,
      String domain,
      int file,
      long offset,
      int bytes,
      Optional<RejectReason> dropped) {}

  private final DeduplicationConfig config;
  private final List<Member> members = new ArrayList<>();
  private final TreeMap<Long, Decision> decisions = new TreeMap<>(); // by key
  private int size;

  private record Decision(byte reason, long unit) {}

  Clusters(DeduplicationConfig config, List<Sketch> sketches, Components components) {
    this.config = config;
    Map<Long, List<Sketch>> byName = new TreeMap<>();
    for (Sketch sketch : sketches) {
      byName
          .computeIfAbsent(components.nameOf(sketch.key()), name -> new ArrayList<>())
          .add(sketch);
    }
    byName.values().forEach(this::add);
  }

  private void add(List<Sketch> cluster) {
    size++;
    cluster.sort(config.keep() == Keep.FIRST ? FIRST : LONGEST);
    Sketch representative = cluster.get(0);
    String name = HexFormat.of().toHexDigits(representative.high());
    Map<String, Sketch> survivors = new HashMap<>(); // by domain, or under "" for all domains
    for (Sketch sketch : cluster) {
      String scope = config.within() == Within.DOMAIN ? sketch.domain() : "";
      Sketch survivor = survivors.putIfAbsent(scope, sketch);
      Optional<RejectReason> dropped = Optional.empty();
      if (survivor != null && config.keep() != Keep.ALL) {
        boolean equal = sketch.saysTheSameAs(survivor);
        dropped = Optional.of(equal ? RejectReason.EXACT_DUPLICATE : RejectReason.NEAR_DUPLICATE);
      }
      byte reason = dropped.map(Selection::code).orElse(Selection.stays());
      decisions.put(sketch.key(), new Decision(reason, representative.high()));
      members.add(
          new Member(
              name,
              sketch.domain(),
              Selection.file(sketch.key()),
              Selection.offset(sketch.key()),
              sketch.bytes(),
              dropped));
    }
  }

  /** How many clusters there are. */
  public int size() {
    return size;
  }

  /** The documents of all clusters: clusters in the order of the input, what stays first. */
  public List<Member> members() {
    return members;
  }

  /** What becomes of each of the documents. */
  public Selection selection() {
    long[] keys = new long[decisions.size()];
    byte[] reasons = new byte[keys.length];
    long[] units = new long[keys.length];
    int i = 0;
    for (Map.Entry<Long, Decision> entry : decisions.entrySet()) {
      keys[i] = entry.getKey();
      reasons[i] = entry.getValue().reason();
      units[i] = entry.getValue().unit();
      i++;
    }
    return new Selection(keys, reasons, units);
  }
}
