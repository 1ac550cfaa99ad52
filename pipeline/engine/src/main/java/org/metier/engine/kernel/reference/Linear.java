package org.metier.engine.kernel.reference;

/** {@code out = x wᵀ} with w [n, m]: {@code dx = dout w}, {@code dw += doutᵀ x}. */
final class Linear {
  private Linear() {}

  static void forward(View out, View x, View w, boolean add) {
    check("linear", out, x, w);
    out.requireDisjoint("linear out", x, w);
    for (int t = 0; t < x.dim(0); t++) {
      for (int n = 0; n < w.dim(0); n++) {
        double sum = add ? out.get(t, n) : 0;
        for (int m = 0; m < w.dim(1); m++) {
          sum += x.get(t, m) * w.get(n, m);
        }
        out.set(t, n, sum);
      }
    }
  }

  static void inputGradient(View dX, View dOut, View w, boolean add) {
    check("linearInputGradient", dOut, dX, w);
    dX.requireDisjoint("linearInputGradient dX", dOut, w);
    for (int t = 0; t < dX.dim(0); t++) {
      for (int m = 0; m < w.dim(1); m++) {
        double sum = add ? dX.get(t, m) : 0;
        for (int n = 0; n < w.dim(0); n++) {
          sum += dOut.get(t, n) * w.get(n, m);
        }
        dX.set(t, m, sum);
      }
    }
  }

  static void weightGradient(View dW, View dOut, View x) {
    check("linearWeightGradient", dOut, x, dW);
    dW.requireDisjoint("linearWeightGradient dW", dOut, x);
    for (int n = 0; n < dW.dim(0); n++) {
      for (int m = 0; m < dW.dim(1); m++) {
        double sum = 0;
        for (int t = 0; t < x.dim(0); t++) {
          sum += dOut.get(t, n) * x.get(t, m);
        }
        dW.add(n, m, sum);
      }
    }
  }

  private static void check(String op, View outSide, View inSide, View w) {
    w.requireRank(op + " weight", 2);
    inSide.requireRank(op + " input side", 2);
    inSide.requireShape(op + " input side", inSide.dim(0), w.dim(1));
    outSide.requireShape(op + " output side", inSide.dim(0), w.dim(0));
  }
}
