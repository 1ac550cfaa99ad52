package org.metier.prep.dedup;

import java.util.Iterator;
import java.util.NoSuchElementException;
import org.apache.spark.sql.Row;

/** Pairs of keys from sorted rows, each once. */
final class DistinctPairs implements Iterator<long[]> {
  private final Iterator<Row> rows;
  private long[] next; // null behind the last

  DistinctPairs(Iterator<Row> rows) {
    this.rows = rows;
    advance();
  }

  private void advance() {
    long[] last = next;
    next = null;
    while (next == null && rows.hasNext()) {
      Row row = rows.next();
      long a = row.getLong(0);
      long b = row.getLong(1);
      if (last == null || a != last[0] || b != last[1]) {
        next = new long[] {a, b};
      }
    }
  }

  @Override
  public boolean hasNext() {
    return next != null;
  }

  @Override
  public long[] next() {
    if (next == null) {
      throw new NoSuchElementException();
    }
    long[] pair = next;
    advance();
    return pair;
  }
}
