package org.metier.engine.kernel.nd4j;

import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * {@code out = silu(g) ⊙ u} with gateUp = [g | u] (Shazeer, arXiv 2002.05202) and silu(g) = g σ(g).
 * {@code du = dout silu(g)}, {@code dg = dout u σ(g) (1 + g (1 - σ(g)))}.
 */
final class SwiGlu {
  private SwiGlu() {}

  static void forward(Tensor out, Tensor gateUp) {
    int width = out.dim(1);
    INDArray g = Views.columns(gateUp, 0, width);
    INDArray u = Views.columns(gateUp, width, width);
    try (Temporaries t = new Temporaries()) {
      INDArray sigma = Transforms.sigmoid(t.copy(g), false);
      INDArray silu = sigma.muli(g);
      silu.muli(u, Views.of(out));
    }
  }

  static void backward(Tensor dGateUp, Tensor dOut, Tensor gateUp) {
    int width = dOut.dim(1);
    INDArray dG = Views.columns(dGateUp, 0, width);
    INDArray dU = Views.columns(dGateUp, width, width);
    INDArray d = Views.of(dOut);
    try (Temporaries t = new Temporaries()) {
      // ND4J is several times slower on columns than on whole rows: work on copies
      INDArray g = t.copy(Views.columns(gateUp, 0, width));
      INDArray u = t.copy(Views.columns(gateUp, width, width));
      INDArray sigma = Transforms.sigmoid(t.copy(g), false);
      INDArray slope = t.keep(sigma.rsub(1)).muli(g).addi(1).muli(sigma);
      dG.assign(slope.muli(u).muli(d));
      dU.assign(sigma.muli(g).muli(d));
    }
  }
}
