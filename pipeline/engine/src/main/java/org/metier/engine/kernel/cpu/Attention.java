package org.metier.engine.kernel.cpu;

import java.util.Arrays;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.tensor.Tensor;

/**
 * Causal grouped-query attention, tile by tile (in the manner of FlashAttention, Dao et al., arXiv
 * 2205.14135). A task is one kv head of one sequence and goes through its queries in tiles ({@link
 * AttentionTile}). The scores of a tile against the positions it may see are the only part of the
 * T×T matrix that ever exists; what lies after the tile, or before the first document in it, is not
 * computed. The backward pass computes the probabilities again from the log-sum-exp.
 */
final class Attention {
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

  void forward(
      Tensor out, Tensor logSumExp, Tensor qkv, int[] documentStart, AttentionShape shape) {
    Shapes.require(qkv, "rotated qkv", shape.tokens(), shape.qkvWidth());
    Shapes.require(out, "attention output", shape.tokens(), shape.queryWidth());
    Shapes.require(logSumExp, "log-sum-exp of attention", shape.tokens(), shape.heads());
    int columns = AttentionTile.padded(shape.sequence());
    // Scratch: keys [headDim, columns]; of a tile queries, outputs [rows, headDim] and scores.
    int queries = shape.headDim() * columns;
    int length = queries + AttentionTile.maxRows(shape) * (2 * shape.headDim() + columns);
    team.forEach(
        shape.batch() * shape.kvHeads(),
        (task, worker) -> {
          int base = task / shape.kvHeads() * shape.sequence();
          int kvHead = task % shape.kvHeads();
          float[] memory = scratch.of(worker, length);
          transpose(memory, 0, columns, qkv, shape.queryWidth(), base, kvHead, shape);
          for (int from = 0; from < shape.sequence(); from += AttentionTile.QUERIES) {
            AttentionTile tile = AttentionTile.at(from, shape, base, kvHead, documentStart);
            forward(out, logSumExp, qkv, documentStart, tile, memory, columns);
          }
        });
  }

  private void forward(
      Tensor out,
      Tensor logSumExp,
      Tensor qkv,
      int[] documentStart,
      AttentionTile tile,
      float[] memory,
      int columns) {
    AttentionShape shape = tile.shape();
    int headDim = shape.headDim();
    int queries = headDim * columns;
    int outputs = queries + tile.rows() * headDim;
    int scores = outputs + tile.rows() * headDim;
    tile.pack(rows, memory, queries, scale(shape), qkv, shape.qkvWidth());
    scores(memory, scores, queries, 0, tile, columns);
    float[] lse = FloatStorage.of(logSumExp);
    for (int row = 0; row < tile.rows(); row++) {
      int at = scores + row * tile.stride();
      int begin = tile.hideUnseen(memory, at, row, documentStart);
      int end = AttentionTile.padded(tile.end(row));
      float max = rows.max(memory, at + begin, end - begin);
      float sum = rows.expAndSum(memory, at + begin, max, end - begin);
      tile.clearUnseen(memory, at, begin, end);
      lse[logSumExp.offset() + tile.token(row) * shape.heads() + tile.head(row)] =
          (float) (max + Math.log(sum));
      // The division by the sum is left to the outputs, which are shorter than the scores; until
      // then the sum stands in for the row's query, which has been used.
      memory[queries + row * headDim] = sum;
    }
    int values = tile.keys(qkv) + shape.keyWidth();
    weightedSum(memory, outputs, scores, FloatStorage.of(qkv), values, tile);
    for (int row = 0; row < tile.rows(); row++) {
      float sum = memory[queries + row * headDim];
      rows.scale(memory, outputs + row * headDim, 1 / sum, headDim);
    }
    tile.unpack(rows, out, shape.queryWidth(), 1, memory, outputs);
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
    int columns = AttentionTile.padded(shape.sequence());
    // Scratch: keys and values [headDim, columns]; of a tile queries, their gradients and those of
    // the outputs [rows, headDim], scores and their gradients.
    int queries = 2 * shape.headDim() * columns;
    int length = queries + AttentionTile.maxRows(shape) * (3 * shape.headDim() + 2 * columns);
    team.forEach(
        shape.batch() * shape.kvHeads(),
        (task, worker) -> {
          int base = task / shape.kvHeads() * shape.sequence();
          int kvHead = task % shape.kvHeads();
          float[] memory = scratch.of(worker, length);
          int valueColumn = shape.queryWidth() + shape.keyWidth();
          transpose(memory, 0, columns, qkv, shape.queryWidth(), base, kvHead, shape);
          transpose(memory, queries / 2, columns, qkv, valueColumn, base, kvHead, shape);
          clearKeysAndValues(dQkv, base, kvHead, shape);
          for (int from = 0; from < shape.sequence(); from += AttentionTile.QUERIES) {
            AttentionTile tile = AttentionTile.at(from, shape, base, kvHead, documentStart);
            backward(dQkv, dOut, out, logSumExp, qkv, documentStart, tile, memory, columns);
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
      AttentionTile tile,
      float[] memory,
      int columns) {
    AttentionShape shape = tile.shape();
    int headDim = shape.headDim();
    int queries = 2 * headDim * columns;
    int dQueries = queries + tile.rows() * headDim;
    int dOutputs = dQueries + tile.rows() * headDim;
    int scores = dOutputs + tile.rows() * headDim;
    int dScores = scores + tile.rows() * tile.stride();
    tile.pack(rows, memory, queries, scale(shape), qkv, shape.qkvWidth());
    tile.pack(rows, memory, dOutputs, 1, dOut, shape.queryWidth());
    scores(memory, scores, queries, 0, tile, columns);
    scores(memory, dScores, dOutputs, headDim * columns, tile, columns);
    float[] o = FloatStorage.of(out);
    float[] lse = FloatStorage.of(logSumExp);
    for (int row = 0; row < tile.rows(); row++) {
      int token = tile.token(row);
      int head = tile.head(row);
      int output = out.offset() + token * shape.queryWidth() + head * headDim;
      float mean = rows.dot(memory, dOutputs + row * headDim, o, output, headDim);
      float shift = lse[logSumExp.offset() + token * shape.heads() + head];
      int at = scores + row * tile.stride();
      int dAt = dScores + row * tile.stride();
      int begin = tile.hideUnseen(memory, at, row, documentStart);
      int end = AttentionTile.padded(tile.end(row));
      // Padding is not written by the product and could hold a NaN, which 0 would not hide.
      Arrays.fill(memory, dAt + Math.min(tile.seen(), end), dAt + end, 0);
      rows.softmaxBackward(memory, at + begin, memory, dAt + begin, shift, mean, end - begin);
      tile.clearUnseen(memory, at, begin, end);
      tile.clearUnseen(memory, dAt, begin, end);
    }
    float[] dIn = FloatStorage.of(dQkv);
    int dKeys = tile.keys(dQkv);
    addTransposed(dIn, dKeys + shape.keyWidth(), memory, scores, dOutputs, tile);
    addTransposed(dIn, dKeys, memory, dScores, queries, tile);
    weightedSum(memory, dQueries, dScores, FloatStorage.of(qkv), tile.keys(qkv), tile);
    tile.unpack(rows, dQkv, shape.qkvWidth(), scale(shape), memory, dQueries);
  }

  private static float scale(AttentionShape shape) {
    return (float) (1 / Math.sqrt(shape.headDim()));
  }

  /**
   * {@code scores[r, s] = ⟨left[r], position s⟩}: left [rows, headDim], right [headDim, columns].
   */
  private void scores(
      float[] memory, int scores, int left, int right, AttentionTile tile, int columns) {
    int headDim = tile.shape().headDim();
    blas.gemm(
        false,
        false,
        tile.rows(),
        tile.seen(),
        headDim,
        1,
        memory,
        left,
        headDim,
        memory,
        right + tile.first(),
        columns,
        0,
        memory,
        scores,
        tile.stride());
  }

  /**
   * {@code out[r] = Σ_s scores[r, s] · row s}, the rows lying in {@code qkv} from {@code right}.
   */
  private void weightedSum(
      float[] memory, int out, int scores, float[] qkv, int right, AttentionTile tile) {
    int headDim = tile.shape().headDim();
    blas.gemm(
        false,
        false,
        tile.rows(),
        headDim,
        tile.seen(),
        1,
        memory,
        scores,
        tile.stride(),
        qkv,
        right,
        tile.shape().qkvWidth(),
        0,
        memory,
        out,
        headDim);
  }

  /** {@code row s of dQkv += Σ_r scores[r, s] · left[r]}. */
  private void addTransposed(
      float[] dQkv, int target, float[] memory, int scores, int left, AttentionTile tile) {
    int headDim = tile.shape().headDim();
    blas.gemm(
        true,
        false,
        tile.seen(),
        headDim,
        tile.rows(),
        1,
        memory,
        scores,
        tile.stride(),
        memory,
        left,
        headDim,
        1,
        dQkv,
        target,
        tile.shape().qkvWidth());
  }

  /** Lays one kv head's block of columns of a sequence down as [headDim, columns]. */
  private static void transpose(
      float[] target,
      int offset,
      int columns,
      Tensor qkv,
      int firstColumn,
      int base,
      int kvHead,
      AttentionShape shape) {
    float[] in = FloatStorage.of(qkv);
    int headDim = shape.headDim();
    int width = shape.qkvWidth();
    int source = qkv.offset() + base * width + firstColumn + kvHead * headDim;
    int block = 16; // rows at a time, so that their cache lines are still there for each column
    for (int s0 = 0; s0 < shape.sequence(); s0 += block) {
      int s1 = Math.min(s0 + block, shape.sequence());
      for (int i = 0; i < headDim; i++) {
        for (int s = s0; s < s1; s++) {
          target[offset + i * columns + s] = in[source + s * width + i];
        }
      }
    }
  }

  private static void clearKeysAndValues(Tensor dQkv, int base, int kvHead, AttentionShape shape) {
    float[] values = FloatStorage.of(dQkv);
    int headDim = shape.headDim();
    for (int t = base; t < base + shape.sequence(); t++) {
      int key = dQkv.offset() + t * shape.qkvWidth() + shape.queryWidth() + kvHead * headDim;
      int value = key + shape.keyWidth();
      Arrays.fill(values, key, key + headDim, 0);
      Arrays.fill(values, value, value + headDim, 0);
    }
  }
}
