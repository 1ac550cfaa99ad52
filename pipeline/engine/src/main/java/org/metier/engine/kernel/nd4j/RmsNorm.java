package org.metier.engine.kernel.nd4j;

import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * RMS norm (Zhang and Sennrich, arXiv 1910.07467). With r = 1 / sqrt(mean(x²) + ε) and y = w ⊙ x r:
 * {@code dw_i += dy_i x_i r} and {@code dx_i += r w_i dy_i - x_i r³/d Σ_j w_j dy_j x_j}.
 */
final class RmsNorm {
  private RmsNorm() {}

  static void forward(Tensor out, Tensor inverseRms, Tensor x, Tensor weight, double epsilon) {
    forward(Views.of(out), Views.column(inverseRms), Views.of(x), Views.row(weight), epsilon);
  }

  static void backward(
      Tensor dX, Tensor dWeight, Tensor dOut, Tensor inverseRms, Tensor x, Tensor weight) {
    backward(
        Views.of(dX),
        Views.row(dWeight),
        Views.of(dOut),
        Views.column(inverseRms),
        Views.of(x),
        Views.row(weight));
  }

  /** Out and x [n, d], inverseRms [n, 1], weight [1, d]. */
  static void forward(
      INDArray out, INDArray inverseRms, INDArray x, INDArray weight, double epsilon) {
    try (Temporaries t = new Temporaries()) {
      INDArray squares = t.keep(x.mul(x));
      inverseRms.assign(t.keep(squares.sum(true, 1)));
      inverseRms.divi(x.size(1)).addi(epsilon);
      Transforms.sqrt(inverseRms, false);
      inverseRms.rdivi(1);
      x.muli(inverseRms, out);
      out.muli(weight);
    }
  }

  /** Adds to {@code dX} [n, d] and {@code dWeight} [1, d]. */
  static void backward(
      INDArray dX,
      INDArray dWeight,
      INDArray dOut,
      INDArray inverseRms,
      INDArray x,
      INDArray weight) {
    try (Temporaries t = new Temporaries()) {
      INDArray product = t.keep(dOut.mul(x));
      INDArray weighted = t.keep(product.mul(weight));
      INDArray factor = t.keep(weighted.sum(true, 1)); // becomes r³/d Σ w dy x
      for (int power = 0; power < 3; power++) {
        factor.muli(inverseRms);
      }
      factor.divi(x.size(1));
      product.muli(inverseRms);
      dWeight.addi(t.keep(product.sum(true, 0)));

      dOut.muli(weight, weighted);
      weighted.muli(inverseRms);
      dX.addi(weighted);
      x.muli(factor, weighted);
      dX.subi(weighted);
    }
  }
}
