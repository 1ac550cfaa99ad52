package org.metier.engine.kernel.nd4j;

import java.util.Arrays;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Weighted sum of each token's rows on top of the residual: {@code out[t] = residual[t] + Σ_j g[t,
 * j] y[row]}; {@code dy[row] = g dout[t]}, {@code dg[t, j] = ⟨y[row], dout[t]⟩}, and 0 where (t, j)
 * has no row.
 */
final class Combine {
  private Combine() {}

  static void forward(Tensor out, Tensor residual, Tensor y, Tensor gates, Routing routing) {
    INDArray sum = Views.of(out);
    sum.assign(Views.of(residual));
    try (Temporaries t = new Temporaries()) {
      INDArray rows = t.array(sum.dataType(), sum.shape());
      for (int j = 0; j < routing.topK(); j++) {
        Dispatch.gatherRank(rows, Views.of(y), routing, j);
        rows.muli(Views.columns(gates, j, 1));
        sum.addi(rows);
      }
    }
  }

  static void backward(
      Tensor dY, Tensor dGates, Tensor dOut, Tensor y, Tensor gates, Routing routing) {
    int rows = routing.rows();
    try (Temporaries t = new Temporaries()) {
      INDArray dTokens = Views.of(dOut);
      INDArray dRows = Views.of(dY);
      INDArray gateOfRow = t.array(dTokens.dataType(), rows, 1);
      int[] slotOfRow = Arrays.copyOf(routing.slotOfRow, rows);
      Ops.gatherRows(gateOfRow, Views.as(gates, routing.slots(), 1), slotOfRow);
      Ops.gatherRows(dRows, dTokens, Dispatch.tokenOfRow(routing));
      dRows.muli(gateOfRow);

      INDArray ofRank = t.array(dTokens.dataType(), dTokens.shape());
      for (int j = 0; j < routing.topK(); j++) {
        Dispatch.gatherRank(ofRank, Views.of(y), routing, j);
        ofRank.muli(dTokens);
        Views.columns(dGates, j, 1).assign(t.keep(ofRank.sum(true, 1)));
      }
    }
  }
}
