package org.metier.engine.kernel.reference;

import org.metier.engine.kernel.Routing;

/** One {@link Linear} per expert, over the rows routed to it; w [E, n, m]. */
final class GroupedLinear {
  private GroupedLinear() {}

  static void forward(View out, View x, View w, Routing routing) {
    check("groupedLinear", out, x, w, routing);
    out.requireDisjoint("groupedLinear out", x, w);
    for (int e = 0; e < routing.numExperts(); e++) {
      for (int row = routing.offsets[e]; row < routing.offsets[e + 1]; row++) {
        for (int n = 0; n < w.dim(1); n++) {
          double sum = 0;
          for (int m = 0; m < w.dim(2); m++) {
            sum += x.get(row, m) * w.get(e, n, m);
          }
          out.set(row, n, sum);
        }
      }
    }
  }

  static void inputGradient(View dX, View dOut, View w, Routing routing) {
    check("groupedLinearInputGradient", dOut, dX, w, routing);
    dX.requireDisjoint("groupedLinearInputGradient dX", dOut, w);
    for (int e = 0; e < routing.numExperts(); e++) {
      for (int row = routing.offsets[e]; row < routing.offsets[e + 1]; row++) {
        for (int m = 0; m < w.dim(2); m++) {
          double sum = 0;
          for (int n = 0; n < w.dim(1); n++) {
            sum += dOut.get(row, n) * w.get(e, n, m);
          }
          dX.set(row, m, sum);
        }
      }
    }
  }

  static void weightGradient(View dW, View dOut, View x, Routing routing) {
    check("groupedLinearWeightGradient", dOut, x, dW, routing);
    dW.requireDisjoint("groupedLinearWeightGradient dW", dOut, x);
    for (int e = 0; e < routing.numExperts(); e++) {
      for (int n = 0; n < dW.dim(1); n++) {
        for (int m = 0; m < dW.dim(2); m++) {
          double sum = 0;
          for (int row = routing.offsets[e]; row < routing.offsets[e + 1]; row++) {
            sum += dOut.get(row, n) * x.get(row, m);
          }
          dW.add(e, n, m, sum);
        }
      }
    }
  }

  private static void check(String op, View outSide, View inSide, View w, Routing routing) {
    w.requireRank(op + " weight", 3);
    w.requireShape(op + " weight", routing.numExperts(), w.dim(1), w.dim(2));
    inSide.requireShape(op + " input side", routing.rows(), w.dim(2));
    outSide.requireShape(op + " output side", routing.rows(), w.dim(1));
  }
}
