package org.metier.engine.kernel.cpu;

import java.util.Arrays;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/**
 * The experts' SwiGLU layers (Shazeer, arXiv 2002.05202), from tokens to tokens. A task is one
 * expert, which goes through its rows in blocks: a block is gathered, runs through both products
 * and SwiGLU and leaves while it is still in the cache. Of all the R rows only {@code gateUp} and
 * the rows' results ever lie in memory. Op by op over all rows the same products were 10 to 20 %
 * slower, since each read from memory what the one before had written.
 */
final class Experts {
  /** Most rows of a block: enough to repay the packing of the weights. */
  private static final int BLOCK = 512;

  /** Tokens per task where rows are summed. */
  private static final int GRAIN = 64;

  private final Team team;
  private final Rows rows;
  private final Blas blas;
  private final Scratch scratch;

  Experts(Team team, Rows rows, Blas blas) {
    this.team = team;
    this.rows = rows;
    this.blas = blas;
    this.scratch = new Scratch(team);
  }

  /** A matrix [rows, columns] within an array, as the BLAS takes it. */
  private record Matrix(float[] values, int offset, int columns) {
    static Matrix of(Tensor tensor, int columns) {
      return new Matrix(FloatStorage.of(tensor), tensor.offset(), columns);
    }

    /** Index of the first element of {@code row}. */
    int at(int row) {
      return offset + row * columns;
    }
  }

  void forward(
      Tensor out,
      Tensor gateUp,
      Tensor work,
      Tensor residual,
      Tensor x,
      Tensor gates,
      Tensor gateUpWeight,
      Tensor downWeight,
      Routing routing) {
    int d = x.dim(1);
    int f = downWeight.dim(2);
    requireShapes(gateUp, work, x, gates, gateUpWeight, downWeight, routing);
    Shapes.require(out, "the experts' output", routing.tokens(), d);
    Shapes.require(residual, "residual", routing.tokens(), d);
    Matrix gu = Matrix.of(gateUp, 2 * f);
    Matrix y = Matrix.of(work, d);
    Matrix in = Matrix.of(x, d);
    Matrix weightGu = Matrix.of(gateUpWeight, d);
    Matrix weightDown = Matrix.of(downWeight, f);
    team.forEach(
        routing.numExperts(),
        (e, worker) -> {
          int block = Math.min(BLOCK, routing.count(e));
          float[] memory = scratch.of(worker, block * (d + f));
          Matrix tokens = new Matrix(memory, 0, d);
          Matrix hidden = new Matrix(memory, block * d, f);
          for (int from = routing.offsets[e]; from < routing.offsets[e + 1]; from += BLOCK) {
            int count = Math.min(BLOCK, routing.offsets[e + 1] - from);
            gather(tokens, in, routing, from, count);
            timesTransposed(gu, from, tokens, weightGu, e * 2 * f, count);
            for (int r = 0; r < count; r++) {
              rows.swiGlu(memory, hidden.at(r), gu.values, gu.at(from + r), f);
            }
            timesTransposed(y, from, hidden, weightDown, e * d, count);
          }
        });
    combine(Matrix.of(out, d), Matrix.of(residual, d), y, gates, routing);
  }

  void backward(
      Tensor dX,
      Tensor dGates,
      Tensor dGateUpWeight,
      Tensor dDownWeight,
      Tensor work,
      Tensor dOut,
      Tensor gateUp,
      Tensor x,
      Tensor gates,
      Tensor gateUpWeight,
      Tensor downWeight,
      Routing routing) {
    int d = x.dim(1);
    int f = downWeight.dim(2);
    requireShapes(gateUp, work, x, gates, gateUpWeight, downWeight, routing);
    Shapes.require(dX, "gradient of the experts' input", routing.tokens(), d);
    Shapes.require(dOut, "gradient of the experts' output", routing.tokens(), d);
    Shapes.require(dGates, "gradient of the gates", routing.tokens(), routing.topK());
    Shapes.sameSize(dGateUpWeight, gateUpWeight);
    Shapes.sameSize(dDownWeight, downWeight);
    Matrix gu = Matrix.of(gateUp, 2 * f);
    Matrix dRows = Matrix.of(work, d);
    Matrix in = Matrix.of(x, d);
    Matrix dO = Matrix.of(dOut, d);
    Matrix weightGu = Matrix.of(gateUpWeight, d);
    Matrix weightDown = Matrix.of(downWeight, f);
    Matrix dWeightGu = Matrix.of(dGateUpWeight, d);
    Matrix dWeightDown = Matrix.of(dDownWeight, f);
    float[] g = FloatStorage.of(gates);
    float[] dG = FloatStorage.of(dGates);
    if (!routing.complete()) { // the loop below visits rows only
      Arrays.fill(dG, dGates.offset(), dGates.offset() + dGates.size(), 0);
    }
    team.forEach(
        routing.numExperts(),
        (e, worker) -> {
          int block = Math.min(BLOCK, routing.count(e));
          float[] memory = scratch.of(worker, block * (d + 3 * f));
          Matrix tokens = new Matrix(memory, 0, d); // first dOut's rows, then x's
          Matrix hidden = new Matrix(memory, block * d, f);
          Matrix dGateUp = new Matrix(memory, block * (d + f), 2 * f);
          for (int from = routing.offsets[e]; from < routing.offsets[e + 1]; from += BLOCK) {
            int count = Math.min(BLOCK, routing.offsets[e + 1] - from);
            gather(tokens, dO, routing, from, count);
            times(hidden, 0, tokens, weightDown, e * d, d, count);
            for (int r = 0; r < count; r++) {
              int slot = routing.slotOfRow[from + r];
              dG[dGates.offset() + slot] =
                  rows.swiGluBackward(
                      memory,
                      dGateUp.at(r),
                      memory,
                      hidden.at(r),
                      g[gates.offset() + slot],
                      gu.values,
                      gu.at(from + r),
                      f);
            }
            addTransposedTimes(dWeightDown, e * d, tokens, hidden, count);
            gather(tokens, in, routing, from, count);
            addTransposedTimes(dWeightGu, e * 2 * f, dGateUp, tokens, count);
            times(dRows, from, dGateUp, weightGu, e * 2 * f, 2 * f, count);
          }
        });
    sumRows(Matrix.of(dX, d), dRows, routing);
  }

  private static void requireShapes(
      Tensor gateUp,
      Tensor work,
      Tensor x,
      Tensor gates,
      Tensor gateUpWeight,
      Tensor downWeight,
      Routing routing) {
    int d = x.dim(1);
    int f = downWeight.dim(2);
    int experts = routing.numExperts();
    Shapes.require(x, "the experts' input", routing.tokens(), d);
    Shapes.require(gates, "gates", routing.tokens(), routing.topK());
    Shapes.require(gateUp, "gate and up", routing.rows(), 2 * f);
    Shapes.require(work, "the experts' working memory", routing.rows(), d);
    Shapes.require(gateUpWeight, "gate and up weights", experts, 2 * f * d);
    Shapes.require(downWeight, "down weights", experts, d * f);
  }

  /** The tokens of the rows [from, from + count). */
  private static void gather(Matrix target, Matrix x, Routing routing, int from, int count) {
    int k = routing.topK();
    for (int r = 0; r < count; r++) {
      int token = routing.slotOfRow[from + r] / k;
      System.arraycopy(x.values, x.at(token), target.values, target.at(r), x.columns);
    }
  }

  /**
   * {@code out[from..] = x wᵀ}, w being the {@code out.columns} rows of its matrix from wRow on.
   */
  private void timesTransposed(Matrix out, int from, Matrix x, Matrix w, int wRow, int count) {
    blas.gemm(
        false,
        true,
        count,
        out.columns,
        x.columns,
        1,
        x.values,
        x.offset,
        x.columns,
        w.values,
        w.at(wRow),
        w.columns,
        0,
        out.values,
        out.at(from),
        out.columns);
  }

  /** {@code out[from..] = x w}, w being {@code wRows} rows of its matrix from wRow on. */
  private void times(Matrix out, int from, Matrix x, Matrix w, int wRow, int wRows, int count) {
    blas.gemm(
        false,
        false,
        count,
        out.columns,
        wRows,
        1,
        x.values,
        x.offset,
        x.columns,
        w.values,
        w.at(wRow),
        w.columns,
        0,
        out.values,
        out.at(from),
        out.columns);
  }

  /** {@code dW[wRow..] += dOutᵀ x}. */
  private void addTransposedTimes(Matrix dW, int wRow, Matrix dOut, Matrix x, int count) {
    blas.gemm(
        true,
        false,
        dOut.columns,
        x.columns,
        count,
        1,
        dOut.values,
        dOut.offset,
        dOut.columns,
        x.values,
        x.offset,
        x.columns,
        1,
        dW.values,
        dW.at(wRow),
        dW.columns);
  }

  /**
   * {@code out[t] = residual[t] + Σ_j gates[t, j] · y[row of (t, j)]}. A token's rows are summed in
   * rank order by one task, so that they need no atomics and always give the same bits.
   */
  private void combine(Matrix out, Matrix residual, Matrix y, Tensor gates, Routing routing) {
    int k = routing.topK();
    float[] g = FloatStorage.of(gates);
    int g0 = gates.offset();
    team.forRows(
        routing.tokens(),
        GRAIN,
        (from, to, worker) -> {
          for (int t = from; t < to; t++) {
            System.arraycopy(residual.values, residual.at(t), out.values, out.at(t), out.columns);
            for (int slot = t * k; slot < (t + 1) * k; slot++) {
              if (routing.hasRow(slot)) {
                int row = y.at(routing.rowOfSlot[slot]);
                rows.addScaled(out.values, out.at(t), g[g0 + slot], y.values, row, out.columns);
              }
            }
          }
        });
  }

  /** {@code out[t] = Σ over the rows of t of y[row]}, in rank order. */
  private void sumRows(Matrix out, Matrix y, Routing routing) {
    int k = routing.topK();
    team.forRows(
        routing.tokens(),
        GRAIN,
        (from, to, worker) -> {
          for (int t = from; t < to; t++) {
            int slot = t * k;
            int end = slot + k;
            while (slot < end && !routing.hasRow(slot)) {
              slot++;
            }
            if (slot == end) {
              Arrays.fill(out.values, out.at(t), out.at(t + 1), 0);
              continue;
            }
            int first = y.at(routing.rowOfSlot[slot]);
            System.arraycopy(y.values, first, out.values, out.at(t), out.columns);
            for (slot++; slot < end; slot++) {
              if (routing.hasRow(slot)) {
                int row = y.at(routing.rowOfSlot[slot]);
                rows.addScaled(out.values, out.at(t), 1, y.values, row, out.columns);
              }
            }
          }
        });
  }
}
