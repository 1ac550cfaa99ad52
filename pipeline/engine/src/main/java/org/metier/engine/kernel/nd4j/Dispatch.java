package org.metier.engine.kernel.nd4j;

import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Copies each token to its rows in expert order: {@code out[row] = x[token of row]}. Backward
 * gathers k times, once per rank, instead of scattering, and so adds in rank order.
 *
 * <p>A choice without a row gathers row 0 in its place, which {@link #clearAbsent} then removes.
 */
final class Dispatch {
  private Dispatch() {}

  static void forward(Tensor out, Tensor x, Routing routing) {
    Ops.gatherRows(Views.of(out), Views.of(x), tokenOfRow(routing));
  }

  static void backward(Tensor dX, Tensor dOut, Routing routing) {
    INDArray sum = Views.of(dX);
    gatherRank(sum, Views.of(dOut), routing, 0);
    try (Temporaries t = new Temporaries()) {
      INDArray rows = t.array(sum.dataType(), sum.shape());
      for (int j = 1; j < routing.topK(); j++) {
        gatherRank(rows, Views.of(dOut), routing, j);
        sum.addi(rows);
      }
    }
  }

  /** {@code out[t] = rows[row of (t, j)]}, 0 where there is none. */
  static void gatherRank(INDArray out, INDArray rows, Routing routing, int j) {
    Ops.gatherRows(out, rows, rowOfRank(routing, j));
    clearAbsent(out, routing, j);
  }

  /** Sets the rows of the tokens whose j-th choice nobody computes to 0. */
  private static void clearAbsent(INDArray ofTokens, Routing routing, int j) {
    if (routing.complete()) {
      return;
    }
    double[] present = new double[routing.tokens()];
    for (int t = 0; t < present.length; t++) {
      present[t] = routing.hasRow(t * routing.topK() + j) ? 1 : 0;
    }
    try (INDArray mask = Transfer.fromHost(present, ofTokens.dataType(), present.length, 1)) {
      ofTokens.muli(mask);
    }
  }

  /** The token of each dispatched row. */
  static int[] tokenOfRow(Routing routing) {
    int[] tokens = new int[routing.rows()];
    for (int row = 0; row < tokens.length; row++) {
      tokens[row] = routing.slotOfRow[row] / routing.topK();
    }
    return tokens;
  }

  /** The dispatched row of each token's j-th choice, 0 where there is none. */
  private static int[] rowOfRank(Routing routing, int j) {
    int[] rows = new int[routing.tokens()];
    for (int t = 0; t < rows.length; t++) {
      rows[t] = Math.max(0, routing.rowOfSlot[t * routing.topK() + j]);
    }
    return rows;
  }
}
