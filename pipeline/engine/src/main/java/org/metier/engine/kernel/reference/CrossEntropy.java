package org.metier.engine.kernel.reference;

/**
 * {@code loss[t] = logsumexp(z[t]) - z[t, target]} with z = x headᵀ; {@code dz = scale ·
 * (softmax(z) - onehot(target))}, {@code dx = dz head}, {@code dhead += dzᵀ x}. Tokens with a
 * negative target have loss 0 and no gradient. One token at a time, so the logits of all tokens are
 * never held.
 */
final class CrossEntropy {
  private CrossEntropy() {}

  static void forward(double[] losses, View x, View head, int[] targets) {
    check("crossEntropy", losses, x, head, targets);
    for (int t = 0; t < x.dim(0); t++) {
      losses[t] = 0;
      if (targets[t] >= 0) {
        double[] z = logits(x, head, t);
        losses[t] = logSumExp(z) - z[targets[t]];
      }
    }
  }

  /** The largest logit's place, the lower of equal ones; -1 where the target is negative. */
  static void argMax(int[] argMax, View x, View head, int[] targets) {
    HostArrays.requireLength("crossEntropyAndArgMax argMax", argMax.length, x.dim(0));
    for (int t = 0; t < x.dim(0); t++) {
      argMax[t] = -1;
      if (targets[t] >= 0) {
        double[] z = logits(x, head, t);
        argMax[t] = 0;
        for (int v = 1; v < z.length; v++) {
          if (z[v] > z[argMax[t]]) {
            argMax[t] = v;
          }
        }
      }
    }
  }

  static void forwardBackward(
      double[] losses, View dX, View dHead, View x, View head, int[] targets, double scale) {
    String op = "crossEntropyWithGradient";
    check(op, losses, x, head, targets);
    dX.requireShape(op + " dX", x.dim(0), x.dim(1));
    dHead.requireShape(op + " dHead", head.dim(0), head.dim(1));
    dX.requireDisjoint(op + " dX", dHead, x, head);
    dHead.requireDisjoint(op + " dHead", x, head);
    dX.fill(0);
    for (int t = 0; t < x.dim(0); t++) {
      losses[t] = 0;
      if (targets[t] >= 0) {
        double[] z = logits(x, head, t);
        double logSumExp = logSumExp(z);
        losses[t] = logSumExp - z[targets[t]];
        for (int v = 0; v < head.dim(0); v++) {
          double dZ = scale * (Math.exp(z[v] - logSumExp) - (v == targets[t] ? 1 : 0));
          for (int i = 0; i < x.dim(1); i++) {
            dX.add(t, i, dZ * head.get(v, i));
            dHead.add(v, i, dZ * x.get(t, i));
          }
        }
      }
    }
  }

  private static double[] logits(View x, View head, int t) {
    double[] z = new double[head.dim(0)];
    for (int v = 0; v < z.length; v++) {
      for (int i = 0; i < head.dim(1); i++) {
        z[v] += x.get(t, i) * head.get(v, i);
      }
    }
    return z;
  }

  private static double logSumExp(double[] z) {
    double max = Double.NEGATIVE_INFINITY;
    for (double value : z) {
      max = Math.max(max, value);
    }
    double sum = 0;
    for (double value : z) {
      sum += Math.exp(value - max);
    }
    return max + Math.log(sum);
  }

  private static void check(String op, double[] losses, View x, View head, int[] targets) {
    head.requireRank(op + " head", 2);
    x.requireRank(op + " x", 2);
    x.requireShape(op + " x", x.dim(0), head.dim(1));
    HostArrays.requireLength(op + " losses", losses.length, x.dim(0));
    HostArrays.requireLength(op + " targets", targets.length, x.dim(0));
    for (int t = 0; t < x.dim(0); t++) {
      if (targets[t] >= head.dim(0)) {
        throw new IllegalArgumentException(
            "%s: target %d is %d, outside a vocabulary of %d"
                .formatted(op, t, targets[t], head.dim(0)));
      }
    }
  }
}
