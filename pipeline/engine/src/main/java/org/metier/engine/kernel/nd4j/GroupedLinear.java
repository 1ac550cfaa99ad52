package org.metier.engine.kernel.nd4j;

import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/** {@link Linear} on the contiguous rows of each expert with that expert's matrix. */
final class GroupedLinear {
  private GroupedLinear() {}

  static void forward(Tensor out, Tensor x, Tensor w, Routing routing) {
    for (int e = 0; e < routing.numExperts(); e++) {
      if (routing.count(e) > 0) {
        Linear.forward(rows(out, e, routing), rows(x, e, routing), matrix(w, e), false);
      }
    }
  }

  static void inputGradient(Tensor dX, Tensor dOut, Tensor w, Routing routing) {
    for (int e = 0; e < routing.numExperts(); e++) {
      if (routing.count(e) > 0) {
        Linear.inputGradient(rows(dX, e, routing), rows(dOut, e, routing), matrix(w, e), false);
      }
    }
  }

  static void weightGradient(Tensor dW, Tensor dOut, Tensor x, Routing routing) {
    for (int e = 0; e < routing.numExperts(); e++) {
      if (routing.count(e) > 0) {
        Linear.weightGradient(matrix(dW, e), rows(dOut, e, routing), rows(x, e, routing));
      }
    }
  }

  private static Tensor rows(Tensor tensor, int expert, Routing routing) {
    return tensor.rows(routing.offsets[expert], routing.count(expert));
  }

  private static Tensor matrix(Tensor w, int expert) {
    return w.rows(expert, 1).reshape(w.dim(1), w.dim(2));
  }
}
