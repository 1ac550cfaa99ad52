package org.metier.engine.kernel.cpu;

import org.metier.engine.tensor.Tensor;

/** SwiGLU (Shazeer, arXiv 2002.05202): {@code silu(g) ⊙ u}. */
final class SwiGlu {
  private static final int GRAIN = 64;

  private final Team team;
  private final Rows rows;

  SwiGlu(Team team, Rows rows) {
    this.team = team;
    this.rows = rows;
  }

  void forward(Tensor out, Tensor gateUp) {
    int width = out.dim(1);
    Shapes.require(gateUp, "gate and up", out.rows(), 2 * width);
    float[] o = FloatStorage.of(out);
    float[] gu = FloatStorage.of(gateUp);
    int o0 = out.offset();
    int gu0 = gateUp.offset();
    team.forRows(
        out.rows(),
        GRAIN,
        (from, to, worker) -> {
          for (int r = from; r < to; r++) {
            rows.swiGlu(o, o0 + r * width, gu, gu0 + 2 * r * width, width);
          }
        });
  }

  void backward(Tensor dGateUp, Tensor dOut, Tensor gateUp) {
    int width = dOut.dim(1);
    Shapes.require(gateUp, "gate and up", dOut.rows(), 2 * width);
    Shapes.require(dGateUp, "gradient of gate and up", dOut.rows(), 2 * width);
    float[] dGu = FloatStorage.of(dGateUp);
    float[] dO = FloatStorage.of(dOut);
    float[] gu = FloatStorage.of(gateUp);
    int dGu0 = dGateUp.offset();
    int dO0 = dOut.offset();
    int gu0 = gateUp.offset();
    team.forRows(
        dOut.rows(),
        GRAIN,
        (from, to, worker) -> {
          for (int r = from; r < to; r++) {
            int row = 2 * r * width;
            rows.swiGluBackward(dGu, dGu0 + row, dO, dO0 + r * width, gu, gu0 + row, width);
          }
        });
  }
}
