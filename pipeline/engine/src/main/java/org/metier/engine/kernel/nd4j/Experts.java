package org.metier.engine.kernel.nd4j;

import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Every token's chosen experts, put together from {@link Dispatch}, {@link GroupedLinear}, {@link
 * SwiGlu} and {@link Combine}; what lies between them is computed again in the backward pass.
 */
final class Experts {
  private Experts() {}

  static void forward(
      Tensor out,
      Tensor gateUp,
      Tensor y,
      Tensor residual,
      Tensor x,
      Tensor gates,
      Tensor gateUpWeight,
      Tensor downWeight,
      Routing routing) {
    int rows = routing.rows();
    if (rows == 0) {
      Views.of(out).assign(Views.of(residual));
      return;
    }
    try (Temporaries t = new Temporaries()) {
      Tensor dispatched = temporary(t, x, rows, x.dim(1));
      Tensor hidden = temporary(t, x, rows, downWeight.dim(2));
      Dispatch.forward(dispatched, x, routing);
      GroupedLinear.forward(gateUp, dispatched, gateUpWeight, routing);
      SwiGlu.forward(hidden, gateUp);
      GroupedLinear.forward(y, hidden, downWeight, routing);
      Combine.forward(out, residual, y, gates, routing);
    }
  }

  static void backward(
      Tensor dX,
      Tensor dGates,
      Tensor dGateUpWeight,
      Tensor dDownWeight,
      Tensor dDispatched,
      Tensor dOut,
      Tensor gateUp,
      Tensor x,
      Tensor gates,
      Tensor gateUpWeight,
      Tensor downWeight,
      Routing routing) {
    int rows = routing.rows();
    int width = x.dim(1);
    int f = downWeight.dim(2);
    if (rows == 0) {
      Views.of(dX).assign(0);
      Views.of(dGates).assign(0);
      return;
    }
    try (Temporaries t = new Temporaries()) {
      Tensor dispatched = temporary(t, x, rows, width);
      Tensor hidden = temporary(t, x, rows, f);
      Tensor y = temporary(t, x, rows, width);
      Dispatch.forward(dispatched, x, routing);
      SwiGlu.forward(hidden, gateUp);
      GroupedLinear.forward(y, hidden, downWeight, routing);

      Tensor dY = temporary(t, x, rows, width);
      Tensor dHidden = temporary(t, x, rows, f);
      Tensor dGateUp = temporary(t, x, rows, 2 * f);
      Combine.backward(dY, dGates, dOut, y, gates, routing);
      GroupedLinear.weightGradient(dDownWeight, dY, hidden, routing);
      GroupedLinear.inputGradient(dHidden, dY, downWeight, routing);
      SwiGlu.backward(dGateUp, dHidden, gateUp);
      GroupedLinear.weightGradient(dGateUpWeight, dGateUp, dispatched, routing);
      GroupedLinear.inputGradient(dDispatched, dGateUp, gateUpWeight, routing);
      Dispatch.backward(dX, dDispatched, routing);
    }
  }

  /** A tensor of the type of {@code like} that lives as long as {@code t}. */
  private static Tensor temporary(Temporaries t, Tensor like, int rows, int columns) {
    DataType type = Views.of(like).dataType();
    int length = Math.multiplyExact(rows, columns);
    return new Tensor(new Nd4jStorage(t.array(type, length), length), 0, rows, columns);
  }
}
