package org.metier.engine.kernel.cpu;

import org.metier.engine.tensor.Tensor;

/** Checks that keep an op inside its tensors. */
final class Shapes {
  private Shapes() {}

  static int sameSize(Tensor a, Tensor b) {
    if (a.size() != b.size()) {
      throw new IllegalArgumentException(a + " and " + b + " differ in size");
    }
    return a.size();
  }

  /** Requires [rows, columns], whatever the rank behind the first dimension. */
  static void require(Tensor tensor, String what, int rows, int columns) {
    if (tensor.size() != Math.multiplyExact(rows, columns)) {
      throw new IllegalArgumentException(
          "%s is %s but should be [%d, %d]".formatted(what, tensor, rows, columns));
    }
  }
}
