package org.metier.engine.kernel.cpu;

import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/** One dense layer per expert, each on its own run of rows. A task is one expert. */
final class GroupedLinear {
  private final Team team;
  private final Blas blas;

  GroupedLinear(Team team, Blas blas) {
    this.team = team;
    this.blas = blas;
  }

  void forward(Tensor out, Tensor x, Tensor w, Routing routing) {
    int n = w.dim(1);
    int m = w.dim(2);
    Shapes.require(x, "expert input", routing.rows(), m);
    Shapes.require(out, "expert output", routing.rows(), n);
    float[] o = FloatStorage.of(out);
    float[] in = FloatStorage.of(x);
    float[] weight = FloatStorage.of(w);
    team.forEach(
        routing.numExperts(),
        (e, worker) -> {
          int row = routing.offsets[e];
          blas.gemm(
              false,
              true,
              routing.count(e),
              n,
              m,
              1,
              in,
              x.offset() + row * m,
              m,
              weight,
              w.offset() + e * n * m,
              m,
              0,
              o,
              out.offset() + row * n,
              n);
        });
  }

  void inputGradient(Tensor dX, Tensor dOut, Tensor w, Routing routing) {
    int n = w.dim(1);
    int m = w.dim(2);
    Shapes.require(dOut, "expert output gradient", routing.rows(), n);
    Shapes.require(dX, "expert input gradient", routing.rows(), m);
    float[] dIn = FloatStorage.of(dX);
    float[] dO = FloatStorage.of(dOut);
    float[] weight = FloatStorage.of(w);
    team.forEach(
        routing.numExperts(),
        (e, worker) -> {
          int row = routing.offsets[e];
          blas.gemm(
              false,
              false,
              routing.count(e),
              m,
              n,
              1,
              dO,
              dOut.offset() + row * n,
              n,
              weight,
              w.offset() + e * n * m,
              m,
              0,
              dIn,
              dX.offset() + row * m,
              m);
        });
  }

  void weightGradient(Tensor dW, Tensor dOut, Tensor x, Routing routing) {
    int n = dW.dim(1);
    int m = dW.dim(2);
    Shapes.require(dOut, "expert output gradient", routing.rows(), n);
    Shapes.require(x, "expert input", routing.rows(), m);
    float[] dWeight = FloatStorage.of(dW);
    float[] dO = FloatStorage.of(dOut);
    float[] in = FloatStorage.of(x);
    team.forEach(
        routing.numExperts(),
        (e, worker) -> {
          int row = routing.offsets[e];
          if (routing.count(e) > 0) {
            blas.gemm(
                true,
                false,
                n,
                m,
                routing.count(e),
                1,
                dO,
                dOut.offset() + row * n,
                n,
                in,
                x.offset() + row * m,
                m,
                1,
                dWeight,
                dW.offset() + e * n * m,
                m);
          }
        });
  }
}
