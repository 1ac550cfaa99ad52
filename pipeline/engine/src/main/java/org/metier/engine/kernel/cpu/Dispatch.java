package org.metier.engine.kernel.cpu;

import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/**
 * Tokens to the experts' rows and back. Sums over a token's rows run in rank order, a token being
 * the business of one task, so that they need no atomics and always give the same bits.
 */
final class Dispatch {
  private static final int GRAIN = 64;

  private final Team team;
  private final Rows rows;

  Dispatch(Team team, Rows rows) {
    this.team = team;
    this.rows = rows;
  }

  void dispatch(Tensor out, Tensor x, Routing routing) {
    int width = x.dim(1);
    int k = routing.topK();
    Shapes.require(x, "tokens to dispatch", routing.tokens(), width);
    Shapes.require(out, "dispatched rows", routing.rows(), width);
    float[] o = FloatStorage.of(out);
    float[] in = FloatStorage.of(x);
    int o0 = out.offset();
    int in0 = x.offset();
    team.forRows(
        routing.rows(),
        GRAIN,
        (from, to, worker) -> {
          for (int r = from; r < to; r++) {
            int token = routing.slotOfRow[r] / k;
            System.arraycopy(in, in0 + token * width, o, o0 + r * width, width);
          }
        });
  }

  void dispatchBackward(Tensor dX, Tensor dOut, Routing routing) {
    int width = dX.dim(1);
    int k = routing.topK();
    Shapes.require(dX, "gradient of tokens", routing.tokens(), width);
    Shapes.require(dOut, "gradient of dispatched rows", routing.rows(), width);
    float[] dIn = FloatStorage.of(dX);
    float[] dO = FloatStorage.of(dOut);
    int dIn0 = dX.offset();
    int dO0 = dOut.offset();
    team.forRows(
        routing.tokens(),
        GRAIN,
        (from, to, worker) -> {
          for (int t = from; t < to; t++) {
            int target = dIn0 + t * width;
            int first = routing.rowOfSlot[t * k];
            System.arraycopy(dO, dO0 + first * width, dIn, target, width);
            for (int j = 1; j < k; j++) {
              int row = routing.rowOfSlot[t * k + j];
              rows.addScaled(dIn, target, 1, dO, dO0 + row * width, width);
            }
          }
        });
  }

  void combine(Tensor out, Tensor residual, Tensor y, Tensor gates, Routing routing) {
    int width = y.dim(1);
    int k = routing.topK();
    Shapes.require(out, "combined tokens", routing.tokens(), width);
    Shapes.require(residual, "residual", routing.tokens(), width);
    Shapes.require(y, "expert outputs", routing.rows(), width);
    Shapes.require(gates, "gates", routing.tokens(), k);
    float[] o = FloatStorage.of(out);
    float[] skip = FloatStorage.of(residual);
    float[] in = FloatStorage.of(y);
    float[] g = FloatStorage.of(gates);
    int o0 = out.offset();
    int skip0 = residual.offset();
    int in0 = y.offset();
    int g0 = gates.offset();
    team.forRows(
        routing.tokens(),
        GRAIN,
        (from, to, worker) -> {
          for (int t = from; t < to; t++) {
            int target = o0 + t * width;
            System.arraycopy(skip, skip0 + t * width, o, target, width);
            for (int slot = t * k; slot < (t + 1) * k; slot++) {
              int row = routing.rowOfSlot[slot];
              rows.addScaled(o, target, g[g0 + slot], in, in0 + row * width, width);
            }
          }
        });
  }

  void combineBackward(
      Tensor dY, Tensor dGates, Tensor dOut, Tensor y, Tensor gates, Routing routing) {
    int width = y.dim(1);
    int k = routing.topK();
    Shapes.require(dY, "gradient of expert outputs", routing.rows(), width);
    Shapes.require(dGates, "gradient of gates", routing.tokens(), k);
    Shapes.require(dOut, "gradient of combined tokens", routing.tokens(), width);
    float[] dIn = FloatStorage.of(dY);
    float[] dG = FloatStorage.of(dGates);
    float[] dO = FloatStorage.of(dOut);
    float[] in = FloatStorage.of(y);
    float[] g = FloatStorage.of(gates);
    int dIn0 = dY.offset();
    int dG0 = dGates.offset();
    int dO0 = dOut.offset();
    int in0 = y.offset();
    int g0 = gates.offset();
    team.forRows(
        routing.tokens(),
        GRAIN,
        (from, to, worker) -> {
          for (int t = from; t < to; t++) {
            for (int slot = t * k; slot < (t + 1) * k; slot++) {
              int row = routing.rowOfSlot[slot] * width;
              dG[dG0 + slot] =
                  rows.scaleIntoAndDot(
                      dIn, dIn0 + row, g[g0 + slot], dO, dO0 + t * width, in, in0 + row, width);
            }
          }
        });
  }
}
