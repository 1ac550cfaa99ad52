package org.metier.prep.pack;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import scala.Tuple2;

/**
 * Best-fit-decreasing packing (Ding et al., Fewer Truncations Improve Language Modeling, 2024,
 * arXiv:2404.10830): a document longer than a row gives rows of its own, cut every {@code T}
 * tokens; what is left of it, and every shorter document, is a piece that goes whole to the row
 * whose free space it fills best, the longest piece first. Every token of every document is in
 * exactly one row. What stays free is padding.
 *
 * <p>Pieces are packed in windows of some million tokens, so that memory does not grow with the
 * corpus; a window has thousands of rows, which is as good as all for the fit.
 */
public final class BestFitPacker implements RowPacker {
  private static final int WINDOW_TOKENS = 1 << 22;
  private static final int WINDOW_ROWS = 1 << 10;

  /**
   * Inputs {@code tokens[from, to)} of a document, which end with it.
   *
   * @param whole true if the document begins here, too
   */
  private record Piece(long documentId, int[] tokens, int from, boolean whole) {
    int length() {
      return tokens.length - from;
    }
  }

  private final Iterator<Tuple2<DocumentKey, int[]>> documents;
  private final int separator;
  private final int sequenceLength;
  private final long windowTokens;
  private final ArrayDeque<PackedRow> ready = new ArrayDeque<>();
  private final List<Piece> pieces = new ArrayList<>();
  private long pending; // tokens of the pieces
  private long documentCount;
  private long tokens;
  private long rows;
  private long padding;

  /**
   * @param documents token ids of each document, separator first
   */
  public BestFitPacker(
      Iterator<Tuple2<DocumentKey, int[]>> documents, int separator, int sequenceLength) {
    this.documents = documents;
    this.separator = separator;
    this.sequenceLength = sequenceLength;
    this.windowTokens = Math.max(WINDOW_TOKENS, (long) WINDOW_ROWS * sequenceLength);
  }

  @Override
  public boolean hasNext() {
    while (ready.isEmpty() && documents.hasNext()) {
      take(documents.next());
      if (pending >= windowTokens || !documents.hasNext()) {
        packWindow();
      }
    }
    return !ready.isEmpty();
  }

  @Override
  public PackedRow next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    rows++;
    PackedRow row = ready.remove();
    padding += sequenceLength - row.filled();
    return row;
  }

  private void take(Tuple2<DocumentKey, int[]> document) {
    long id = document._1.documentId();
    int[] ids = document._2;
    documentCount++;
    tokens += ids.length;
    int from = 0;
    for (; ids.length - from >= sequenceLength; from += sequenceLength) {
      int[] row = Arrays.copyOfRange(ids, from, from + sequenceLength + 1);
      if (from + sequenceLength == ids.length) {
        row[sequenceLength] = separator; // the end of the document
      }
      ready.add(new PackedRow(row, new int[] {0}, new long[] {id}, sequenceLength));
    }
    if (from < ids.length) {
      pieces.add(new Piece(id, ids, from, from == 0));
      pending += ids.length - from;
    }
  }

  private void packWindow() {
    List<List<Piece>> packed = new ArrayList<>();
    int[] free = new int[pieces.size()];
    List<ArrayDeque<Integer>> rowsWithFree = new ArrayList<>();
    for (int space = 0; space <= sequenceLength; space++) {
      rowsWithFree.add(new ArrayDeque<>());
    }
    BitSet spaces = new BitSet(sequenceLength + 1); // those that some row has
    pieces.sort((a, b) -> Integer.compare(b.length(), a.length())); // stable: same order each time
    for (Piece piece : pieces) {
      int space = spaces.nextSetBit(piece.length());
      int row;
      if (space < 0) {
        row = packed.size();
        packed.add(new ArrayList<>());
        free[row] = sequenceLength;
      } else {
        row = rowsWithFree.get(space).pop();
        if (rowsWithFree.get(space).isEmpty()) {
          spaces.clear(space);
        }
      }
      packed.get(row).add(piece);
      free[row] -= piece.length();
      rowsWithFree.get(free[row]).push(row);
      spaces.set(free[row]);
    }
    packed.forEach(row -> ready.add(row(row)));
    pieces.clear();
    pending = 0;
  }

  /** Ends of documents come first, so that as few as possible lack the separator behind them. */
  private PackedRow row(List<Piece> pieces) {
    pieces.sort((a, b) -> Boolean.compare(a.whole, b.whole));
    int[] row = new int[sequenceLength + 1];
    int[] begins = new int[pieces.size()];
    long[] ids = new long[pieces.size()];
    int filled = 0;
    for (int i = 0; i < begins.length; i++) {
      Piece piece = pieces.get(i);
      System.arraycopy(piece.tokens, piece.from, row, filled, piece.length());
      begins[i] = filled;
      ids[i] = piece.documentId;
      filled += piece.length();
    }
    Arrays.fill(row, filled, row.length, separator);
    return new PackedRow(row, begins, ids, filled);
  }

  @Override
  public long documents() {
    return documentCount;
  }

  @Override
  public long tokens() {
    return tokens;
  }

  @Override
  public long rows() {
    return rows;
  }

  @Override
  public long droppedTokens() {
    return 0;
  }

  @Override
  public long paddingTokens() {
    return padding;
  }
}
