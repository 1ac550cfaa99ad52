package org.metier.engine.kernel.cpu;

import org.metier.engine.tensor.Tensor;

/** Dense layers {@code out = x wᵀ}. Products are cut by rows of their result. */
final class Linear {
  /** Rows per product: enough to repay the packing of the other matrix. */
  private static final int GRAIN = 256;

  /** Fewest rows of a weight's gradient per product. */
  private static final int WEIGHT_GRAIN = 64;

  private final Team team;
  private final Blas blas;

  Linear(Team team, Blas blas) {
    this.team = team;
    this.blas = blas;
  }

  void forward(Tensor out, Tensor x, Tensor w, boolean add) {
    int n = w.dim(0);
    int m = w.dim(1);
    Shapes.require(x, "linear input", x.rows(), m);
    Shapes.require(out, "linear output", x.rows(), n);
    float[] o = FloatStorage.of(out);
    float[] in = FloatStorage.of(x);
    float[] weight = FloatStorage.of(w);
    int o0 = out.offset();
    int x0 = x.offset();
    int w0 = w.offset();
    float beta = add ? 1 : 0;
    team.forRows(
        x.rows(),
        GRAIN,
        (from, to, worker) ->
            blas.gemm(
                false,
                true,
                to - from,
                n,
                m,
                1,
                in,
                x0 + from * m,
                m,
                weight,
                w0,
                m,
                beta,
                o,
                o0 + from * n,
                n));
  }

  void inputGradient(Tensor dX, Tensor dOut, Tensor w, boolean add) {
    int n = w.dim(0);
    int m = w.dim(1);
    Shapes.require(dOut, "linear output gradient", dOut.rows(), n);
    Shapes.require(dX, "linear input gradient", dOut.rows(), m);
    float[] dIn = FloatStorage.of(dX);
    float[] dO = FloatStorage.of(dOut);
    float[] weight = FloatStorage.of(w);
    int dIn0 = dX.offset();
    int dO0 = dOut.offset();
    int w0 = w.offset();
    float beta = add ? 1 : 0;
    team.forRows(
        dOut.rows(),
        GRAIN,
        (from, to, worker) ->
            blas.gemm(
                false,
                false,
                to - from,
                m,
                n,
                1,
                dO,
                dO0 + from * n,
                n,
                weight,
                w0,
                m,
                beta,
                dIn,
                dIn0 + from * m,
                m));
  }

  void weightGradient(Tensor dW, Tensor dOut, Tensor x) {
    int n = dW.dim(0);
    int m = dW.dim(1);
    int tokens = x.rows();
    Shapes.require(dOut, "linear output gradient", tokens, n);
    Shapes.require(x, "linear input", tokens, m);
    float[] dWeight = FloatStorage.of(dW);
    float[] dO = FloatStorage.of(dOut);
    float[] in = FloatStorage.of(x);
    int dW0 = dW.offset();
    int dO0 = dOut.offset();
    int x0 = x.offset();
    // The inner dimension, the tokens, is long, and every product packs all of x again: two halves.
    int grain = Math.max(WEIGHT_GRAIN, (n + 1) / 2);
    team.forRows(
        n,
        grain,
        (from, to, worker) ->
            blas.gemm(
                true,
                false,
                to - from,
                m,
                tokens,
                1,
                dO,
                dO0 + from,
                n,
                in,
                x0,
                m,
                1,
                dWeight,
                dW0 + from * m,
                m));
  }
}
