package org.metier.prep.dedup;

import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.apache.spark.sql.Row;

/**
 * Pairs of documents that meet under a hash, from rows (hash, key) in that order. Of a group each
 * document is paired with the group's first and with the last {@code neighbours} before it: with
 * all others in a small group, and with enough of them in a large one, whose pairs would be too
 * many.
 */
final class CandidatePairs implements Iterator<long[]> {
  private final Iterator<Row> rows;
  private final int neighbours;
  private final long[] hash; // of the group
  private final long[] recent; // ring of the last keys of the group
  private int members; // of the group so far
  private final ArrayDeque<long[]> ready = new ArrayDeque<>();

  /**
   * @param hashColumns columns of the hash, which come first; the next is the key
   */
  CandidatePairs(Iterator<Row> rows, int hashColumns, int neighbours) {
    this.rows = rows;
    this.neighbours = neighbours;
    this.hash = new long[hashColumns];
    this.recent = new long[neighbours + 1]; // the first key, and the ring behind it
  }

  @Override
  public boolean hasNext() {
    while (ready.isEmpty() && rows.hasNext()) {
      take(rows.next());
    }
    return !ready.isEmpty();
  }

  @Override
  public long[] next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return ready.remove();
  }

  private void take(Row row) {
    long key = row.getLong(hash.length);
    if (members == 0 || !isOfGroup(row)) {
      for (int i = 0; i < hash.length; i++) {
        hash[i] = row.getLong(i);
      }
      recent[0] = key;
      members = 1;
      return;
    }
    ready.add(new long[] {recent[0], key});
    int others = Math.min(members - 1, neighbours); // in the ring
    for (int i = 0; i < others; i++) {
      ready.add(new long[] {recent[1 + i], key});
    }
    if (neighbours > 0) {
      recent[1 + (members - 1) % neighbours] = key;
    }
    members++;
  }

  private boolean isOfGroup(Row row) {
    for (int i = 0; i < hash.length; i++) {
      if (row.getLong(i) != hash[i]) {
        return false;
      }
    }
    return true;
  }
}
