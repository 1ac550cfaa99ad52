package org.metier.engine.kernel.cpu;

import java.util.Arrays;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.tensor.Tensor;

/**
 * A run of query positions of one sequence, with all query heads that share one kv head stacked
 * (row = head within the group × count + position within the tile), and the positions they may see.
 *
 * @param base row of the sequence's first token
 * @param from first position of the tile
 * @param count positions of the tile
 * @param first first position that any of them may see
 */
record AttentionTile(AttentionShape shape, int base, int kvHead, int from, int count, int first) {
  /** Positions of queries per tile. */
  static final int QUERIES = 64;

  /** Score rows are padded to multiples of this, which any vector length divides. */
  private static final int PAD = 16;

  /** A score that a softmax turns into 0. */
  private static final float NEVER = -1e30f;

  static AttentionTile at(
      int from, AttentionShape shape, int base, int kvHead, int[] documentStart) {
    int count = Math.min(QUERIES, shape.sequence() - from);
    int first = from;
    for (int i = 0; i < count; i++) {
      first = Math.min(first, documentStart[base + from + i]);
    }
    return new AttentionTile(shape, base, kvHead, from, count, first);
  }

  /** Most rows of any tile of {@code shape}. */
  static int maxRows(AttentionShape shape) {
    return Math.min(QUERIES, shape.sequence()) * (shape.heads() / shape.kvHeads());
  }

  static int padded(int columns) {
    return (columns + PAD - 1) / PAD * PAD;
  }

  /** Stacked rows. */
  int rows() {
    return count * (shape.heads() / shape.kvHeads());
  }

  /** Columns of the scores: positions from {@code first} to the end of the tile. */
  int seen() {
    return from + count - first;
  }

  /** Distance of two rows of scores. */
  int stride() {
    return padded(seen());
  }

  int token(int row) {
    return base + from + row % count;
  }

  int head(int row) {
    return kvHead * (shape.heads() / shape.kvHeads()) + row / count;
  }

  /** Column after the last one that the row may see. */
  int end(int row) {
    return from + row % count + 1 - first;
  }

  /** Index of the first key that the tile sees; its value lies {@code keyWidth} further. */
  int keys(Tensor qkv) {
    return qkv.offset()
        + (base + first) * shape.qkvWidth()
        + shape.queryWidth()
        + kvHead * shape.headDim();
  }

  /**
   * Makes the columns outside [begin, end) of a row of scores, as far as they share a vector with
   * one inside, vanish in the softmax; returns where the vectors begin.
   */
  int hideUnseen(float[] scores, int offset, int row, int[] documentStart) {
    int low = documentStart[token(row)] - first;
    int high = end(row);
    int begin = low / PAD * PAD;
    Arrays.fill(scores, offset + begin, offset + low, NEVER);
    Arrays.fill(scores, offset + high, offset + padded(high), NEVER);
    return begin;
  }

  /** Sets the columns outside the vectors [begin, end) of a row to 0. */
  void clearUnseen(float[] scores, int offset, int begin, int end) {
    Arrays.fill(scores, offset, offset + begin, 0);
    Arrays.fill(scores, offset + end, offset + stride(), 0);
  }

  /** Copies the tile's rows of its heads, times {@code factor}, to [rows, headDim]. */
  void pack(Rows loops, float[] packed, int packedOffset, float factor, Tensor source, int width) {
    float[] values = FloatStorage.of(source);
    int headDim = shape.headDim();
    for (int row = 0; row < rows(); row++) {
      int at = source.offset() + token(row) * width + head(row) * headDim;
      loops.scaleInto(packed, packedOffset + row * headDim, factor, values, at, headDim);
    }
  }

  /** The way back of {@link #pack}. */
  void unpack(
      Rows loops, Tensor target, int width, float factor, float[] packed, int packedOffset) {
    float[] values = FloatStorage.of(target);
    int headDim = shape.headDim();
    for (int row = 0; row < rows(); row++) {
      int at = target.offset() + token(row) * width + head(row) * headDim;
      loops.scaleInto(values, at, factor, packed, packedOffset + row * headDim, headDim);
    }
  }
}
