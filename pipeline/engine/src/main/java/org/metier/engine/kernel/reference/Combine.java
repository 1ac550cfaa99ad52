package org.metier.engine.kernel.reference;

import org.metier.engine.kernel.Routing;

/**
 * Weighted sum of each token's rows on top of the residual: {@code out[t] = residual[t] + Σ_j g[t,
 * j] y[row]}; {@code dy[row] = g dout[t]}, {@code dg[t, j] = ⟨y[row], dout[t]⟩}, and 0 where (t, j)
 * has no row.
 */
final class Combine {
  private Combine() {}

  static void forward(View out, View residual, View y, View gates, Routing routing) {
    check("combine", out, y, gates, routing);
    residual.requireShape("combine residual", routing.tokens(), out.dim(1));
    out.requireDisjoint("combine out", residual, y, gates);
    for (int t = 0; t < routing.tokens(); t++) {
      for (int i = 0; i < out.dim(1); i++) {
        double sum = residual.get(t, i);
        for (int j = 0; j < routing.topK(); j++) {
          int slot = t * routing.topK() + j;
          sum += routing.hasRow(slot) ? gates.get(t, j) * y.get(routing.rowOfSlot[slot], i) : 0;
        }
        out.set(t, i, sum);
      }
    }
  }

  static void backward(View dY, View dGates, View dOut, View y, View gates, Routing routing) {
    String op = "combineBackward";
    check(op, dOut, y, gates, routing);
    dY.requireShape(op + " dY", routing.rows(), dOut.dim(1));
    dGates.requireShape(op + " dGates", routing.tokens(), routing.topK());
    dY.requireDisjoint(op + " dY", dGates, dOut, y, gates);
    dGates.requireDisjoint(op + " dGates", dOut, y, gates);
    for (int t = 0; t < routing.tokens(); t++) {
      for (int j = 0; j < routing.topK(); j++) {
        int row = routing.rowOfSlot[t * routing.topK() + j];
        if (row == Routing.NO_ROW) {
          dGates.set(t, j, 0);
          continue;
        }
        double dot = 0;
        for (int i = 0; i < dOut.dim(1); i++) {
          dY.set(row, i, gates.get(t, j) * dOut.get(t, i));
          dot += y.get(row, i) * dOut.get(t, i);
        }
        dGates.set(t, j, dot);
      }
    }
  }

  private static void check(String op, View tokens, View y, View gates, Routing routing) {
    tokens.requireRank(op + " token side", 2);
    tokens.requireShape(op + " token side", routing.tokens(), tokens.dim(1));
    y.requireShape(op + " y", routing.rows(), tokens.dim(1));
    gates.requireShape(op + " gates", routing.tokens(), routing.topK());
  }
}
