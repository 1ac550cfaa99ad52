package org.metier.prep.pack;

import java.io.Serializable;

/** A packed sequence's place in the global shuffle; bucket and index keep it unique. */
public final class SequenceKey implements Comparable<SequenceKey>, Serializable {
  private static final long serialVersionUID = 1L;

  private final long order;
  private final int bucket;
  private final long index;

  public SequenceKey(long order, int bucket, long index) {
    this.order = order;
    this.bucket = bucket;
    this.index = index;
  }

  public long order() {
    return order;
  }

  public int bucket() {
    return bucket;
  }

  @Override
  public int compareTo(SequenceKey other) {
    int result = Long.compareUnsigned(order, other.order);
    if (result == 0) {
      result = Integer.compare(bucket, other.bucket);
    }
    return result != 0 ? result : Long.compare(index, other.index);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SequenceKey key && compareTo(key) == 0;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(order);
  }
}
