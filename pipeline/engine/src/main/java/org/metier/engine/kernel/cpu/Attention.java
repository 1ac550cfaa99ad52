package org.metier.engine.kernel.cpu;

import java.util.Arrays;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.tensor.Tensor;

/**
 * Causal grouped-query attention, block by block (in the manner of FlashAttention, Dao et al.,
 * arXiv 2205.14135). A task is one kv head of one sequence. It goes through the queries in tiles;
 * the query heads that share the kv head are stacked, so that one product serves them all. The
 * scores of a tile against all positions it may see are the only part of the T×T matrix that ever
 * exists; what lies after the tile, or before the first document it belongs to, is not computed.
 */
final class Attention {
  /** Positions of queries per tile. */
  private static final int TILE = 64;

  /** Score rows start at, and are padded to, multiples of this; any vector length divides it. */
  private static final int PAD = 16;

  /** A score that a softmax turns into 0. */
  private static final float NEVER = -1e30f;

  private final Team team;
  private final Rows rows;
  private final Blas blas;
  private final Scratch scratch;

  Attention(Team team, Rows rows, Blas blas) {
    this.team = team;
    this.rows = rows;
    this.blas = blas;
    this.scratch = new Scratch(team);
  }

  /**
   * One tile of one task.
   *
   * @param base row of the sequence's first token
   * @param kvHead the kv head
   * @param from first position of the tile
   * @param count positions of the tile
   * @param first first position that any of them may see
   * @param seen positions from {@code first} to the end of the tile
   * @param stride distance of two rows of scores
   */
  private record Tile(int base, int kvHead, int from, int count, int first, int seen, int stride) {

    static Tile at(int from, int base, int kvHead, int sequence, int[] documentStart) {
      int count = Math.min(TILE, sequence - from);
      int first = from;
      for (int i = 0; i < count; i++) {
        first = Math.min(first, documentStart[base + from + i]);
      }
      int seen = from + count - first;
      return new Tile(base, kvHead, from, count, first, seen, (seen + PAD - 1) / PAD * PAD);
    }
  }

  void forward(
      Tensor out, Tensor logSumExp, Tensor qkv, int[] documentStart, AttentionShape shape) {
    Shapes.require(qkv, "rotated qkv", shape.tokens(), shape.qkvWidth());
    Shapes.require(out, "attention output", shape.tokens(), shape.queryWidth());
    Shapes.require(logSumExp, "log-sum-exp of attention", shape.tokens(), shape.heads());
    team.forEach(
        shape.batch() * shape.kvHeads(),
        (task, worker) -> {
          int base = task / shape.kvHeads() * shape.sequence();
          for (int from = 0; from < shape.sequence(); from += TILE) {
            Tile tile =
                Tile.at(from, base, task % shape.kvHeads(), shape.sequence(), documentStart);
            forward(out, logSumExp, qkv, documentStart, shape, tile, worker);
          }
        });
  }

  private void forward(
      Tensor out,
      Tensor logSumExp,
      Tensor qkv,
      int[] documentStart,
      AttentionShape shape,
      Tile tile,
      int worker) {
    int headDim = shape.headDim();
    int group = shape.heads() / shape.kvHeads();
    int stacked = group * tile.count;
    int width = shape.qkvWidth();
    // Scratch: queries and outputs [stacked, headDim], scores [stacked, stride].
    float[] memory = scratch.of(worker, stacked * (2 * headDim + tile.stride));
    int o0 = stacked * headDim;
    int s0 = 2 * o0;
    float[] in = FloatStorage.of(qkv);
    int keys = keys(qkv, shape, tile);
    packQueries(memory, 0, in, qkv.offset(), width, scale(shape), shape, tile);
    blas.gemm(
        false,
        true,
        stacked,
        tile.seen,
        headDim,
        1,
        memory,
        0,
        headDim,
        in,
        keys,
        width,
        0,
        memory,
        s0,
        tile.stride);
    float[] o = FloatStorage.of(out);
    float[] lse = FloatStorage.of(logSumExp);
    for (int row = 0; row < stacked; row++) {
      int t = tile.from + row % tile.count;
      int low = documentStart[tile.base + t] - tile.first;
      int scores = s0 + row * tile.stride;
      int begin = hideUnseen(memory, scores, low, t + 1 - tile.first);
      int end = padded(t + 1 - tile.first);
      float max = rows.max(memory, scores + begin, end - begin);
      float sum = rows.expAndSum(memory, scores + begin, max, end - begin);
      Arrays.fill(memory, scores, scores + begin, 0);
      Arrays.fill(memory, scores + end, scores + tile.stride, 0);
      int head = tile.kvHead * group + row / tile.count;
      lse[logSumExp.offset() + (tile.base + t) * shape.heads() + head] =
          (float) (max + Math.log(sum));
      rows.scale(memory, scores + begin, 1 / sum, end - begin);
    }
    blas.gemm(
        false,
        false,
        stacked,
        headDim,
        tile.seen,
        1,
        memory,
        s0,
        tile.stride,
        in,
        keys + shape.keyWidth(),
        width,
        0,
        memory,
        o0,
        headDim);
    unpack(o, out.offset(), shape.queryWidth(), memory, o0, 1, shape, tile);
  }

  void backward(
      Tensor dQkv,
      Tensor dOut,
      Tensor out,
      Tensor logSumExp,
      Tensor qkv,
      int[] documentStart,
      AttentionShape shape) {
    Shapes.require(dQkv, "gradient of rotated qkv", shape.tokens(), shape.qkvWidth());
    Shapes.require(dOut, "gradient of attention output", shape.tokens(), shape.queryWidth());
    float[] dIn = FloatStorage.of(dQkv);
    team.forEach(
        shape.batch() * shape.kvHeads(),
        (task, worker) -> {
          int base = task / shape.kvHeads() * shape.sequence();
          int kvHead = task % shape.kvHeads();
          for (int t = 0; t < shape.sequence(); t++) {
            int key =
                dQkv.offset()
                    + (base + t) * shape.qkvWidth()
                    + shape.queryWidth()
                    + kvHead * shape.headDim();
            int value = key + shape.keyWidth();
            Arrays.fill(dIn, key, key + shape.headDim(), 0);
            Arrays.fill(dIn, value, value + shape.headDim(), 0);
          }
          for (int from = 0; from < shape.sequence(); from += TILE) {
            Tile tile = Tile.at(from, base, kvHead, shape.sequence(), documentStart);
            backward(dQkv, dOut, out, logSumExp, qkv, documentStart, shape, tile, worker);
          }
        });
  }

  private void backward(
      Tensor dQkv,
      Tensor dOut,
      Tensor out,
      Tensor logSumExp,
      Tensor qkv,
      int[] documentStart,
      AttentionShape shape,
      Tile tile,
      int worker) {
    int headDim = shape.headDim();
    int group = shape.heads() / shape.kvHeads();
    int stacked = group * tile.count;
    int width = shape.qkvWidth();
    // Scratch: queries, their gradients and output gradients [stacked, headDim]; scores and their
    // gradients [stacked, stride].
    float[] memory = scratch.of(worker, stacked * (3 * headDim + 2 * tile.stride));
    int dQ0 = stacked * headDim;
    int dO0 = 2 * dQ0;
    int s0 = 3 * dQ0;
    int dS0 = s0 + stacked * tile.stride;
    float[] in = FloatStorage.of(qkv);
    float[] dIn = FloatStorage.of(dQkv);
    int keys = keys(qkv, shape, tile);
    int values = keys + shape.keyWidth();
    int dKeys = keys(dQkv, shape, tile);
    int dValues = dKeys + shape.keyWidth();
    float scale = scale(shape);
    packQueries(memory, 0, in, qkv.offset(), width, scale, shape, tile);
    packQueries(
        memory, dO0, FloatStorage.of(dOut), dOut.offset(), shape.queryWidth(), 1, shape, tile);
    blas.gemm(
        false,
        true,
        stacked,
        tile.seen,
        headDim,
        1,
        memory,
        0,
        headDim,
        in,
        keys,
        width,
        0,
        memory,
        s0,
        tile.stride);
    blas.gemm(
        false,
        true,
        stacked,
        tile.seen,
        headDim,
        1,
        memory,
        dO0,
        headDim,
        in,
        values,
        width,
        0,
        memory,
        dS0,
        tile.stride);
    float[] o = FloatStorage.of(out);
    float[] lse = FloatStorage.of(logSumExp);
    for (int row = 0; row < stacked; row++) {
      int t = tile.from + row % tile.count;
      int token = tile.base + t;
      int head = tile.kvHead * group + row / tile.count;
      float mean =
          rows.dot(
              memory,
              dO0 + row * headDim,
              o,
              out.offset() + token * shape.queryWidth() + head * headDim,
              headDim);
      float shift = lse[logSumExp.offset() + token * shape.heads() + head];
      int scores = s0 + row * tile.stride;
      int dScores = dS0 + row * tile.stride;
      int begin = hideUnseen(memory, scores, documentStart[token] - tile.first, t + 1 - tile.first);
      int end = padded(t + 1 - tile.first);
      // Padding past the last column was never written and could hold a NaN, which 0 would not
      // hide.
      Arrays.fill(memory, dScores + Math.min(tile.seen, end), dScores + end, 0);
      rows.softmaxBackward(
          memory, scores + begin, memory, dScores + begin, shift, mean, end - begin);
      Arrays.fill(memory, scores, scores + begin, 0);
      Arrays.fill(memory, scores + end, scores + tile.stride, 0);
      Arrays.fill(memory, dScores, dScores + begin, 0);
      Arrays.fill(memory, dScores + end, dScores + tile.stride, 0);
    }
    blas.gemm(
        true,
        false,
        tile.seen,
        headDim,
        stacked,
        1,
        memory,
        s0,
        tile.stride,
        memory,
        dO0,
        headDim,
        1,
        dIn,
        dValues,
        width);
    blas.gemm(
        true,
        false,
        tile.seen,
        headDim,
        stacked,
        1,
        memory,
        dS0,
        tile.stride,
        memory,
        0,
        headDim,
        1,
        dIn,
        dKeys,
        width);
    blas.gemm(
        false,
        false,
        stacked,
        headDim,
        tile.seen,
        1,
        memory,
        dS0,
        tile.stride,
        in,
        keys,
        width,
        0,
        memory,
        dQ0,
        headDim);
    unpack(dIn, dQkv.offset(), width, memory, dQ0, scale, shape, tile);
  }

  private static float scale(AttentionShape shape) {
    return (float) (1 / Math.sqrt(shape.headDim()));
  }

  /** Index of the first key that the tile sees; its value lies keyWidth further. */
  private static int keys(Tensor qkv, AttentionShape shape, Tile tile) {
    return qkv.offset()
        + (tile.base + tile.first) * shape.qkvWidth()
        + shape.queryWidth()
        + tile.kvHead * shape.headDim();
  }

  private static int padded(int columns) {
    return (columns + PAD - 1) / PAD * PAD;
  }

  /**
   * Makes the columns outside {@code [low, high)} that share a vector with a column inside vanish
   * in the softmax, so that the row's loops run over whole vectors; returns where they begin.
   */
  private static int hideUnseen(float[] memory, int scores, int low, int high) {
    int begin = low / PAD * PAD;
    Arrays.fill(memory, scores + begin, scores + low, NEVER);
    Arrays.fill(memory, scores + high, scores + padded(high), NEVER);
    return begin;
  }

  /**
   * Copies the tile's rows of all heads of the group, times {@code factor}, to [stacked, headDim].
   */
  private void packQueries(
      float[] packed,
      int packedOffset,
      float[] source,
      int offset,
      int width,
      float factor,
      AttentionShape shape,
      Tile tile) {
    int headDim = shape.headDim();
    int group = shape.heads() / shape.kvHeads();
    for (int h = 0; h < group; h++) {
      int column = (tile.kvHead * group + h) * headDim;
      for (int i = 0; i < tile.count; i++) {
        int row = tile.base + tile.from + i;
        rows.scaleInto(
            packed,
            packedOffset + (h * tile.count + i) * headDim,
            factor,
            source,
            offset + row * width + column,
            headDim);
      }
    }
  }

  /** The way back of {@link #packQueries}. */
  private void unpack(
      float[] target,
      int offset,
      int width,
      float[] packed,
      int packedOffset,
      float factor,
      AttentionShape shape,
      Tile tile) {
    int headDim = shape.headDim();
    int group = shape.heads() / shape.kvHeads();
    for (int h = 0; h < group; h++) {
      int column = (tile.kvHead * group + h) * headDim;
      for (int i = 0; i < tile.count; i++) {
        int row = tile.base + tile.from + i;
        rows.scaleInto(
            target,
            offset + row * width + column,
            factor,
            packed,
            packedOffset + (h * tile.count + i) * headDim,
            headDim);
      }
    }
  }
}
