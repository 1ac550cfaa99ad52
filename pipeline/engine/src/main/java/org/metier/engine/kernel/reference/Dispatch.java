package org.metier.engine.kernel.reference;

import org.metier.engine.kernel.Routing;

/** Copies each token to its rows in expert order: {@code out[row] = x[token of row]}. */
final class Dispatch {
  private Dispatch() {}

  static void forward(View out, View x, Routing routing) {
    check("dispatch", out, x, routing);
    out.requireDisjoint("dispatch out", x);
    for (int row = 0; row < routing.rows(); row++) {
      int token = routing.slotOfRow[row] / routing.topK();
      for (int i = 0; i < x.dim(1); i++) {
        out.set(row, i, x.get(token, i));
      }
    }
  }

  static void backward(View dX, View dOut, Routing routing) {
    check("dispatchBackward", dOut, dX, routing);
    dX.requireDisjoint("dispatchBackward dX", dOut);
    for (int t = 0; t < routing.tokens(); t++) {
      for (int i = 0; i < dX.dim(1); i++) {
        double sum = 0;
        for (int j = 0; j < routing.topK(); j++) {
          int slot = t * routing.topK() + j;
          sum += routing.hasRow(slot) ? dOut.get(routing.rowOfSlot[slot], i) : 0;
        }
        dX.set(t, i, sum);
      }
    }
  }

  private static void check(String op, View rows, View tokens, Routing routing) {
    tokens.requireRank(op + " token side", 2);
    tokens.requireShape(op + " token side", routing.tokens(), tokens.dim(1));
    rows.requireShape(op + " row side", routing.rows(), tokens.dim(1));
  }
}
