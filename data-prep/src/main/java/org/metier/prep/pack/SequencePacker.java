package org.metier.prep.pack;

import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * Lays documents end to end and cuts the stream into rows of {@code sequenceLength + 1} tokens with
 * stride {@code sequenceLength}: the last token of a row is only a target there and the first input
 * of the next row, so that every token but the first is predicted once. What is left at the end is
 * shorter than a row and is dropped and counted.
 */
public final class SequencePacker implements Iterator<int[]> {
  private final Iterator<int[]> documents;
  private final int sequenceLength;
  private int[] document = new int[0];
  private int position;
  private int[] next; // null at the end
  private long rows;
  private long tokens;
  private long documentCount;

  /**
   * @param documents token ids of each document, separator first
   */
  public SequencePacker(Iterator<int[]> documents, int sequenceLength) {
    this.documents = documents;
    this.sequenceLength = sequenceLength;
    int[] first = new int[sequenceLength + 1];
    next = fill(first, 0) ? first : null;
  }

  @Override
  public boolean hasNext() {
    return next != null;
  }

  @Override
  public int[] next() {
    if (next == null) {
      throw new NoSuchElementException();
    }
    int[] row = next;
    rows++;
    int[] following = new int[sequenceLength + 1];
    following[0] = row[sequenceLength];
    next = fill(following, 1) ? following : null;
    return row;
  }

  private boolean fill(int[] row, int from) {
    int filled = from;
    while (filled < row.length) {
      if (position == document.length) {
        if (!documents.hasNext()) {
          return false;
        }
        document = documents.next();
        position = 0;
        tokens += document.length;
        documentCount++;
        continue;
      }
      int copied = Math.min(row.length - filled, document.length - position);
      System.arraycopy(document, position, row, filled, copied);
      filled += copied;
      position += copied;
    }
    return true;
  }

  /** Documents packed so far. */
  public long documents() {
    return documentCount;
  }

  /** Tokens of these documents. */
  public long tokens() {
    return tokens;
  }

  /** Rows given so far. */
  public long rows() {
    return rows;
  }

  /** At the end: tokens that are in no row. */
  public long droppedTokens() {
    return rows == 0 ? tokens : tokens - (rows * sequenceLength + 1);
  }

  /**
   * For each input token of a row the position in the row where its document begins, 0 if it began
   * before the row.
   *
   * @param row T + 1 tokens
   * @return T positions
   */
  public static int[] documentStart(int[] row, int separator) {
    int[] start = new int[row.length - 1];
    int current = 0;
    for (int t = 0; t < start.length; t++) {
      if (row[t] == separator) {
        current = t;
      }
      start[t] = current;
    }
    return start;
  }
}
