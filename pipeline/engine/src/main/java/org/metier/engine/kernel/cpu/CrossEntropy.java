package org.metier.engine.kernel.cpu;

import java.util.Arrays;
import org.metier.engine.tensor.Tensor;

/**
 * Cross-entropy of the output layer. Logits exist for one tile of tokens at a time; loss, gradient
 * of the logits and both products of the backward pass are done while the tile is in cache.
 */
final class CrossEntropy {
  /** Most tokens of a tile. */
  private static final int MAX_TILE = 512;

  /** Most logits of a tile: 32 MiB. */
  private static final int TILE_ELEMENTS = 1 << 23;

  /** Columns of the vocabulary per product. */
  private static final int COLUMNS = 1024;

  /** Rows of softmax per task. */
  private static final int SOFTMAX_ROWS = 8;

  private final Team team;
  private final Rows rows;
  private final Blas blas;
  private final Scratch scratch;

  CrossEntropy(Team team, Rows rows, Blas blas) {
    this.team = team;
    this.rows = rows;
    this.blas = blas;
    this.scratch = new Scratch(team);
  }

  void loss(double[] losses, Tensor x, Tensor head, int[] targets) {
    int tile = tile(head.rows());
    for (int from = 0; from < x.rows(); from += tile) {
      int count = Math.min(tile, x.rows() - from);
      float[] logits = logits(x, head, from, count);
      softmax(losses, logits, targets, from, count, head.rows(), false, 0);
    }
  }

  void lossAndGradient(
      double[] losses,
      Tensor dX,
      Tensor dHead,
      Tensor x,
      Tensor head,
      int[] targets,
      double scale) {
    Shapes.sameSize(dX, x);
    Shapes.sameSize(dHead, head);
    int tile = tile(head.rows());
    for (int from = 0; from < x.rows(); from += tile) {
      int count = Math.min(tile, x.rows() - from);
      float[] logits = logits(x, head, from, count);
      softmax(losses, logits, targets, from, count, head.rows(), true, (float) scale);
      // Both products read the same logits' gradients and share one round of tasks: the halves of
      // the longer one, dX, come first.
      int half = (count + 1) / 2;
      int halves = Team.blocks(count, half);
      int start = from;
      team.forEach(
          halves + Team.blocks(head.rows(), COLUMNS),
          (task, worker) -> {
            if (task < halves) {
              int first = task * half;
              int last = Math.min(count, first + half);
              inputGradient(dX, logits, head, start, first, last);
            } else {
              headGradient(dHead, logits, x, start, count, (task - halves) * COLUMNS);
            }
          });
    }
  }

  private static int tile(int vocabulary) {
    return Math.max(16, Math.min(MAX_TILE, TILE_ELEMENTS / vocabulary));
  }

  private float[] logits(Tensor x, Tensor head, int from, int count) {
    int vocabulary = head.rows();
    int width = head.dim(1);
    Shapes.require(x, "input of the output layer", x.rows(), width);
    float[] logits = scratch.shared((tile(vocabulary) + 1) * vocabulary);
    float[] in = FloatStorage.of(x);
    float[] w = FloatStorage.of(head);
    int in0 = x.offset() + from * width;
    int w0 = head.offset();
    team.forRows(
        vocabulary,
        COLUMNS,
        (first, last, worker) ->
            blas.gemm(
                false,
                true,
                count,
                last - first,
                width,
                1,
                in,
                in0,
                width,
                w,
                w0 + first * width,
                width,
                0,
                logits,
                first,
                vocabulary));
    return logits;
  }

  /**
   * Losses of a tile; with {@code gradient} its logits become {@code scale (softmax - one-hot)}.
   */
  private void softmax(
      double[] losses,
      float[] logits,
      int[] targets,
      int from,
      int count,
      int vocabulary,
      boolean gradient,
      float scale) {
    team.forRows(
        count,
        SOFTMAX_ROWS,
        (first, last, worker) -> {
          for (int i = first; i < last; i++) {
            int row = i * vocabulary;
            int target = targets[from + i];
            if (target < 0) {
              losses[from + i] = 0;
              Arrays.fill(logits, row, row + vocabulary, 0);
              continue;
            }
            if (target >= vocabulary) {
              throw new IllegalArgumentException(
                  "target " + target + " is outside a vocabulary of " + vocabulary);
            }
            double chosen = logits[row + target];
            float max = rows.max(logits, row, vocabulary);
            float sum = rows.expAndSum(logits, row, max, vocabulary);
            losses[from + i] = max + Math.log(sum) - chosen;
            if (gradient) {
              rows.scale(logits, row, scale / sum, vocabulary);
              logits[row + target] -= scale;
            }
          }
        });
  }

  /** dX of the tile's rows [first, last). */
  private void inputGradient(
      Tensor dX, float[] dLogits, Tensor head, int from, int first, int last) {
    int vocabulary = head.rows();
    int width = head.dim(1);
    blas.gemm(
        false,
        false,
        last - first,
        width,
        vocabulary,
        1,
        dLogits,
        first * vocabulary,
        vocabulary,
        FloatStorage.of(head),
        head.offset(),
        width,
        0,
        FloatStorage.of(dX),
        dX.offset() + (from + first) * width,
        width);
  }

  /** What the tile adds to the rows of dHead from {@code first} on. */
  private void headGradient(
      Tensor dHead, float[] dLogits, Tensor x, int from, int count, int first) {
    int vocabulary = dHead.rows();
    int width = dHead.dim(1);
    int rowsOfHead = Math.min(COLUMNS, vocabulary - first);
    blas.gemm(
        true,
        false,
        rowsOfHead,
        width,
        count,
        1,
        dLogits,
        first,
        vocabulary,
        FloatStorage.of(x),
        x.offset() + from * width,
        width,
        1,
        FloatStorage.of(dHead),
        dHead.offset() + first * width,
        width);
  }
}
