package org.metier.prep.document;

import java.io.Serializable;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** How many documents there are in each split and domain, and how much text is in them. */
public final class DocumentCounts implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Documents of one domain in one split, and their bytes of UTF-8. */
  public record Size(long documents, long bytes) implements Serializable {
    /** Nothing. */
    public static final Size NONE = new Size(0, 0);

    /** Both together. */
    public Size plus(Size other) {
      return new Size(documents + other.documents, bytes + other.bytes);
    }
  }

  private final EnumMap<Split, TreeMap<String, Size>> sizes = new EnumMap<>(Split.class);

  public DocumentCounts() {
    for (Split split : Split.values()) {
      sizes.put(split, new TreeMap<>());
    }
  }

  /** Counts one document. */
  public void add(Document document, Split split) {
    add(split, document.domain(), new Size(1, document.utf8().length));
  }

  /** Adds what has been counted elsewhere. */
  public void add(DocumentCounts other) {
    other.sizes.forEach(
        (split, domains) -> domains.forEach((domain, size) -> add(split, domain, size)));
  }

  private void add(Split split, String domain, Size size) {
    sizes.get(split).merge(domain, size, Size::plus);
  }

  /** Names of all domains with a document, sorted. */
  public List<String> domains() {
    TreeSet<String> names = new TreeSet<>();
    sizes.values().forEach(domains -> names.addAll(domains.keySet()));
    return List.copyOf(names);
  }

  /** What a domain has in a split. */
  public Size size(Split split, String domain) {
    return sizes.get(split).getOrDefault(domain, Size.NONE);
  }

  /** Documents by domain, of all splits. */
  public Map<String, Long> documentsByDomain() {
    Map<String, Long> documents = new TreeMap<>();
    for (Map<String, Size> domains : sizes.values()) {
      domains.forEach((domain, size) -> documents.merge(domain, size.documents(), Long::sum));
    }
    return documents;
  }

  /** What all domains and splits have. */
  public Size total() {
    Size total = Size.NONE;
    for (Map<String, Size> domains : sizes.values()) {
      for (Size size : domains.values()) {
        total = total.plus(size);
      }
    }
    return total;
  }
}
