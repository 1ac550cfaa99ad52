package org.metier.engine.kernel.cpu;

import java.util.Arrays;
import org.metier.engine.tensor.Tensor;

/**
 * Cross-entropy of the output layer. Logits exist for one tile of tokens at a time; loss, gradient
 * of the logits and both products of the backward pass are done while the tile is in cache.
 *
 * <p>The gradient of a row of logits is {@code scale / sum · (exp(logits - max) - sum · one-hot)}.
 * Its factor is not multiplied into the row but into what is shorter: the row of x that meets it in
 * one product, and the result of the other.
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

  /** Where nobody asks for the arg-max. */
  private static final int[] NO_ARG_MAX = {};

  private final Team team;
  private final Rows rows;
  private final Blas blas;
  private final Scratch logitScratch;
  private final Scratch rowScratch;

  CrossEntropy(Team team, Rows rows, Blas blas) {
    this.team = team;
    this.rows = rows;
    this.blas = blas;
    this.logitScratch = new Scratch(team);
    this.rowScratch = new Scratch(team);
  }

  /**
   * The tokens [from, from + count).
   *
   * @param logits [count, vocabulary]
   * @param factors of each row: Σ exp, then of its gradient; behind them {@code scaledX} [count,
   *     width]
   */
  private record Tile(
      int from, int count, int vocabulary, int width, float[] logits, float[] factors) {
    int scaledX() {
      return count;
    }
  }

  void loss(double[] losses, Tensor x, Tensor head, int[] targets) {
    lossAndArgMax(losses, NO_ARG_MAX, x, head, targets);
  }

  void lossAndArgMax(double[] losses, int[] argMax, Tensor x, Tensor head, int[] targets) {
    int size = tile(head.rows());
    for (int from = 0; from < x.rows(); from += size) {
      Tile tile = logits(x, head, from, Math.min(size, x.rows() - from));
      softmax(losses, argMax, tile, targets);
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
    int size = tile(head.rows());
    for (int from = 0; from < x.rows(); from += size) {
      Tile tile = logits(x, head, from, Math.min(size, x.rows() - from));
      softmax(losses, NO_ARG_MAX, tile, targets);
      gradient(tile, targets, x, (float) scale);
      // Both products read the same logits' gradients and share one round of tasks: the halves of
      // the longer one, dX, come first.
      int half = (tile.count + 1) / 2;
      int halves = Team.blocks(tile.count, half);
      team.forEach(
          halves + Team.blocks(tile.vocabulary, COLUMNS),
          (task, worker) -> {
            if (task < halves) {
              int first = task * half;
              inputGradient(dX, tile, head, first, Math.min(tile.count, first + half));
            } else {
              headGradient(dHead, tile, (task - halves) * COLUMNS);
            }
          });
    }
  }

  private static int tile(int vocabulary) {
    return Math.max(16, Math.min(MAX_TILE, TILE_ELEMENTS / vocabulary));
  }

  private Tile logits(Tensor x, Tensor head, int from, int count) {
    int vocabulary = head.rows();
    int width = head.dim(1);
    Shapes.require(x, "input of the output layer", x.rows(), width);
    float[] logits = logitScratch.shared((tile(vocabulary) + 1) * vocabulary);
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
    float[] factors = rowScratch.shared(tile(vocabulary) * (1 + width));
    return new Tile(from, count, vocabulary, width, logits, factors);
  }

  /** Losses of a tile; its logits become exp(logits - max), and the sums their factors. */
  private void softmax(double[] losses, int[] argMax, Tile tile, int[] targets) {
    float[] logits = tile.logits;
    team.forRows(
        tile.count,
        SOFTMAX_ROWS,
        (first, last, worker) -> {
          for (int i = first; i < last; i++) {
            int row = i * tile.vocabulary;
            int target = targets[tile.from + i];
            if (target < 0) {
              losses[tile.from + i] = 0;
              Arrays.fill(logits, row, row + tile.vocabulary, 0);
              if (argMax.length > 0) {
                argMax[tile.from + i] = -1;
              }
              continue;
            }
            if (target >= tile.vocabulary) {
              throw new IllegalArgumentException(
                  "target " + target + " is outside a vocabulary of " + tile.vocabulary);
            }
            double chosen = logits[row + target];
            float max = rows.max(logits, row, tile.vocabulary);
            if (argMax.length > 0) {
              argMax[tile.from + i] = placeOf(max, logits, row, tile.vocabulary);
            }
            float sum = rows.expAndSum(logits, row, max, tile.vocabulary);
            losses[tile.from + i] = max + Math.log(sum) - chosen;
            tile.factors[i] = sum;
          }
        });
  }

  /** The first place of {@code value} in a row; 0 where no number equals it. */
  private static int placeOf(float value, float[] logits, int row, int length) {
    for (int v = 0; v < length; v++) {
      if (logits[row + v] == value) {
        return v;
      }
    }
    return 0;
  }

  /** What softmax left becomes the logits' gradient but for a factor, which goes to x. */
  private void gradient(Tile tile, int[] targets, Tensor x, float scale) {
    float[] in = FloatStorage.of(x);
    int width = tile.width;
    for (int i = 0; i < tile.count; i++) {
      int scaled = tile.scaledX() + i * width;
      int target = targets[tile.from + i];
      if (target < 0) {
        tile.factors[i] = 0;
        Arrays.fill(tile.factors, scaled, scaled + width, 0);
        continue;
      }
      float sum = tile.factors[i];
      tile.logits[i * tile.vocabulary + target] -= sum;
      tile.factors[i] = scale / sum;
      int token = x.offset() + (tile.from + i) * width;
      rows.scaleInto(tile.factors, scaled, scale / sum, in, token, width);
    }
  }

  /** dX of the tile's rows [first, last). */
  private void inputGradient(Tensor dX, Tile tile, Tensor head, int first, int last) {
    float[] dIn = FloatStorage.of(dX);
    int width = tile.width;
    int target = dX.offset() + (tile.from + first) * width;
    blas.gemm(
        false,
        false,
        last - first,
        width,
        tile.vocabulary,
        1,
        tile.logits,
        first * tile.vocabulary,
        tile.vocabulary,
        FloatStorage.of(head),
        head.offset(),
        width,
        0,
        dIn,
        target,
        width);
    for (int i = first; i < last; i++) {
      rows.scale(dIn, target + (i - first) * width, tile.factors[i], width);
    }
  }

  /** What the tile adds to the rows of dHead from {@code first} on. */
  private void headGradient(Tensor dHead, Tile tile, int first) {
    blas.gemm(
        true,
        false,
        Math.min(COLUMNS, tile.vocabulary - first),
        tile.width,
        tile.count,
        1,
        tile.logits,
        first,
        tile.vocabulary,
        tile.factors,
        tile.scaledX(),
        tile.width,
        1,
        FloatStorage.of(dHead),
        dHead.offset() + first * tile.width,
        tile.width);
  }
}
