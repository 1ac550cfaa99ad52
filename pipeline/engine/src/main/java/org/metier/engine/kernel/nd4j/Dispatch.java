package org.metier.engine.kernel.nd4j;

import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Copies each token to its k rows in expert order: {@code out[row] = x[token of row]}. Backward
 * gathers k times, once per rank, instead of scattering, and so adds in rank order.
 */
final class Dispatch {
  private Dispatch() {}

  static void forward(Tensor out, Tensor x, Routing routing) {
    Ops.gatherRows(Views.of(out), Views.of(x), tokenOfRow(routing));
  }

  static void backward(Tensor dX, Tensor dOut, Routing routing) {
    INDArray sum = Views.of(dX);
    Ops.gatherRows(sum, Views.of(dOut), rowOfRank(routing, 0));
    try (Temporaries t = new Temporaries()) {
      INDArray rows = t.array(sum.dataType(), sum.shape());
      for (int j = 1; j < routing.topK(); j++) {
        Ops.gatherRows(rows, Views.of(dOut), rowOfRank(routing, j));
        sum.addi(rows);
      }
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

  /** The dispatched row of each token's j-th expert. */
  static int[] rowOfRank(Routing routing, int j) {
    int[] rows = new int[routing.tokens()];
    for (int t = 0; t < rows.length; t++) {
      rows[t] = routing.rowOfSlot[t * routing.topK() + j];
    }
    return rows;
  }
}
