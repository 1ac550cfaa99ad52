package org.metier.prep.report;

import java.io.Serializable;
import org.metier.prep.document.Rejected;

/** Sorts rejected records by the part of the table that they go to, then by file and offset. */
final class RejectedKey implements Comparable<RejectedKey>, Serializable {
  private static final long serialVersionUID = 1L;
  private static final long MIX = 0x9E3779B97F4A7C15L; // 2^64 / golden ratio: spreads neighbours

  private final int part;
  private final int file;
  private final long offset;

  /** The place of a record in a table of so many parts: the same however it was read. */
  RejectedKey(Rejected record, int parts) {
    file = record.file();
    offset = record.offset();
    long spread = (31L * file + offset) * MIX;
    part = (int) ((spread >>> 32) * parts >>> 32);
  }

  int part() {
    return part;
  }

  @Override
  public int compareTo(RejectedKey other) {
    int order = Integer.compare(part, other.part);
    if (order == 0) {
      order = Integer.compare(file, other.file);
    }
    return order != 0 ? order : Long.compare(offset, other.offset);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RejectedKey key && compareTo(key) == 0;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(31L * file + offset);
  }
}
