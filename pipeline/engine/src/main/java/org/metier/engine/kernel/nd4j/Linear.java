package org.metier.engine.kernel.nd4j;

import org.metier.engine.tensor.Tensor;

/** {@code out = x wᵀ}; {@code dx = dout w}; {@code dw += doutᵀ x}. */
final class Linear {
  private Linear() {}

  static void forward(Tensor out, Tensor x, Tensor w, boolean add) {
    Ops.multiply(Views.of(out), add ? 1 : 0, Views.of(x), false, Views.of(w), true);
  }

  static void inputGradient(Tensor dX, Tensor dOut, Tensor w, boolean add) {
    Ops.multiply(Views.of(dX), add ? 1 : 0, Views.of(dOut), false, Views.of(w), false);
  }

  static void weightGradient(Tensor dW, Tensor dOut, Tensor x) {
    Ops.multiply(Views.of(dW), 1, Views.of(dOut), true, Views.of(x), false);
  }
}
