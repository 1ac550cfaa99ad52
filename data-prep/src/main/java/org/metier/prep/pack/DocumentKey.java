package org.metier.prep.pack;

import java.io.Serializable;
import org.metier.prep.document.Document;

/** Sorts documents by bucket, then by identity. */
public final class DocumentKey implements Comparable<DocumentKey>, Serializable {
  private static final long serialVersionUID = 1L;

  private final int bucket;
  private final long high;
  private final long low;

  public DocumentKey(int bucket, Document document) {
    this.bucket = bucket;
    this.high = document.high();
    this.low = document.low();
  }

  public int bucket() {
    return bucket;
  }

  /** The half of the identity that is the document's alone: near-duplicates may share the other. */
  public long documentId() {
    return low;
  }

  @Override
  public int compareTo(DocumentKey other) {
    int order = Integer.compare(bucket, other.bucket);
    if (order == 0) {
      order = Long.compareUnsigned(high, other.high);
    }
    return order != 0 ? order : Long.compareUnsigned(low, other.low);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof DocumentKey key && compareTo(key) == 0;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(low);
  }
}
