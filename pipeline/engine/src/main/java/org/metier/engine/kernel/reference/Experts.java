package org.metier.engine.kernel.reference;

import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/**
 * Every token's chosen experts, put together from {@link Dispatch}, {@link GroupedLinear}, {@link
 * SwiGlu} and {@link Combine}; what lies between them is computed again in the backward pass.
 */
final class Experts {
  private Experts() {}

  static void forward(
      View out,
      View gateUp,
      View residual,
      View x,
      View gates,
      View gateUpWeight,
      View downWeight,
      Routing routing) {
    View dispatched = temporary(routing.rows(), x.dim(1));
    View hidden = temporary(routing.rows(), downWeight.dim(2));
    View y = temporary(routing.rows(), x.dim(1));
    Dispatch.forward(dispatched, x, routing);
    GroupedLinear.forward(gateUp, dispatched, gateUpWeight, routing);
    SwiGlu.forward(hidden, gateUp);
    GroupedLinear.forward(y, hidden, downWeight, routing);
    out.requireDisjoint("experts out", gateUp, x, gates, gateUpWeight, downWeight);
    gateUp.requireDisjoint("experts gateUp", residual, x, gates, gateUpWeight, downWeight);
    Combine.forward(out, residual, y, gates, routing);
  }

  static void backward(
      View dX,
      View dGates,
      View dGateUpWeight,
      View dDownWeight,
      View dOut,
      View gateUp,
      View x,
      View gates,
      View gateUpWeight,
      View downWeight,
      Routing routing) {
    int rows = routing.rows();
    View dispatched = temporary(rows, x.dim(1));
    View hidden = temporary(rows, downWeight.dim(2));
    View y = temporary(rows, x.dim(1));
    Dispatch.forward(dispatched, x, routing);
    SwiGlu.forward(hidden, gateUp);
    GroupedLinear.forward(y, hidden, downWeight, routing);

    View dY = temporary(rows, x.dim(1));
    View dHidden = temporary(rows, downWeight.dim(2));
    View dGateUp = temporary(rows, 2 * downWeight.dim(2));
    View dDispatched = temporary(rows, x.dim(1));
    Combine.backward(dY, dGates, dOut, y, gates, routing);
    GroupedLinear.weightGradient(dDownWeight, dY, hidden, routing);
    GroupedLinear.inputGradient(dHidden, dY, downWeight, routing);
    SwiGlu.backward(dGateUp, dHidden, gateUp);
    GroupedLinear.weightGradient(dGateUpWeight, dGateUp, dispatched, routing);
    GroupedLinear.inputGradient(dDispatched, dGateUp, gateUpWeight, routing);
    dX.requireDisjoint("expertsBackward dX", dOut, gateUp, x, gates, gateUpWeight, downWeight);
    dGateUpWeight.requireDisjoint("expertsBackward dGateUpWeight", gateUpWeight, dDownWeight);
    Dispatch.backward(dX, dDispatched, routing);
  }

  private static View temporary(int rows, int columns) {
    return View.of(new Tensor(new DoubleStorage(new double[rows * columns]), 0, rows, columns));
  }
}
