package org.metier.engine.kernel.cpu;

import org.metier.engine.tensor.Tensor;

/** Rows of a table by token id, and the sum of gradients back into the table. */
final class Embedding {
  private static final int GRAIN = 256;

  /** Columns per task of the backward pass. */
  private static final int COLUMNS = 64;

  private final Team team;
  private final Rows rows;

  Embedding(Team team, Rows rows) {
    this.team = team;
    this.rows = rows;
  }

  void forward(Tensor out, Tensor table, int[] tokens) {
    int width = table.dim(1);
    Shapes.require(out, "embedding output", out.rows(), width);
    float[] o = FloatStorage.of(out);
    float[] e = FloatStorage.of(table);
    int o0 = out.offset();
    int e0 = table.offset();
    int vocabulary = table.rows();
    team.forRows(
        out.rows(),
        GRAIN,
        (from, to, worker) -> {
          for (int t = from; t < to; t++) {
            int token = check(tokens[t], vocabulary);
            System.arraycopy(e, e0 + token * width, o, o0 + t * width, width);
          }
        });
  }

  /** Cut by columns: each task adds the tokens in their order, so repeated tokens sum the same. */
  void backward(Tensor dTable, Tensor dOut, int[] tokens) {
    int width = dTable.dim(1);
    Shapes.require(dOut, "embedding output gradient", dOut.rows(), width);
    float[] dE = FloatStorage.of(dTable);
    float[] dO = FloatStorage.of(dOut);
    int dE0 = dTable.offset();
    int dO0 = dOut.offset();
    int vocabulary = dTable.rows();
    int count = dOut.rows();
    team.forRows(
        width,
        COLUMNS,
        (from, to, worker) -> {
          for (int t = 0; t < count; t++) {
            int token = check(tokens[t], vocabulary);
            rows.addScaled(
                dE, dE0 + token * width + from, 1, dO, dO0 + t * width + from, to - from);
          }
        });
  }

  private static int check(int token, int vocabulary) {
    if (token < 0 || token >= vocabulary) {
      throw new IllegalArgumentException(
          "token " + token + " is outside a vocabulary of " + vocabulary);
    }
    return token;
  }
}
