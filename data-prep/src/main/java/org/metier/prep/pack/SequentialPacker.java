package org.metier.prep.pack;

import java.util.Arrays;
import java.util.Iterator;
import java.util.NoSuchElementException;
import scala.Tuple2;

/**
 * Lays documents end to end and cuts the stream into rows of {@code sequenceLength + 1} tokens with
 * stride {@code sequenceLength}: the last token of a row is only a target there and the first input
 * of the next row, so that every token but the first is predicted once. What is left at the end is
 * shorter than a row and is dropped and counted.
 */
public final class SequentialPacker implements RowPacker {
  private final Iterator<Tuple2<DocumentKey, int[]>> documents;
  private final int sequenceLength;
  private long documentId;
  private int[] document = new int[0];
  private int position;
  private final int[] begins; // of the row that is being filled
  private final long[] ids;
  private int begun;
  private int[] tokens; // of that row
  private boolean full;
  private long rows;
  private long tokenCount;
  private long documentCount;

  /**
   * @param documents token ids of each document, separator first
   */
  public SequentialPacker(Iterator<Tuple2<DocumentKey, int[]>> documents, int sequenceLength) {
    this.documents = documents;
    this.sequenceLength = sequenceLength;
    this.begins = new int[sequenceLength + 1];
    this.ids = new long[sequenceLength + 1];
    this.tokens = new int[sequenceLength + 1];
    full = fill(0);
  }

  @Override
  public boolean hasNext() {
    return full;
  }

  @Override
  public PackedRow next() {
    if (!full) {
      throw new NoSuchElementException();
    }
    // a document whose first token is the row's last is only a target here
    int inputs = begins[begun - 1] == sequenceLength ? begun - 1 : begun;
    PackedRow row =
        new PackedRow(
            tokens, Arrays.copyOf(begins, inputs), Arrays.copyOf(ids, inputs), sequenceLength);
    rows++;
    tokens = new int[sequenceLength + 1];
    tokens[0] = row.tokens()[sequenceLength];
    begun = 0;
    begin(0);
    full = fill(1);
    return row;
  }

  private void begin(int at) {
    begins[begun] = at;
    ids[begun++] = documentId;
  }

  private boolean fill(int from) {
    int filled = from;
    while (filled < tokens.length) {
      if (position == document.length) {
        if (!documents.hasNext()) {
          return false;
        }
        Tuple2<DocumentKey, int[]> next = documents.next();
        documentId = next._1.documentId();
        document = next._2;
        position = 0;
        tokenCount += document.length;
        documentCount++;
        begin(filled);
        continue;
      }
      int copied = Math.min(tokens.length - filled, document.length - position);
      System.arraycopy(document, position, tokens, filled, copied);
      filled += copied;
      position += copied;
    }
    return true;
  }

  @Override
  public long documents() {
    return documentCount;
  }

  @Override
  public long tokens() {
    return tokenCount;
  }

  @Override
  public long rows() {
    return rows;
  }

  @Override
  public long droppedTokens() {
    return rows == 0 ? tokenCount : tokenCount - (rows * sequenceLength + 1);
  }

  @Override
  public long paddingTokens() {
    return 0;
  }
}
