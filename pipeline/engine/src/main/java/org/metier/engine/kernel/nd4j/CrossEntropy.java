package org.metier.engine.kernel.nd4j;

import java.util.Arrays;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * {@code loss[t] = logsumexp(z[t]) - z[t, target]} with z = x headᵀ; {@code dz = scale ·
 * (softmax(z) - onehot(target))}, {@code dx = dz head}, {@code dhead += dzᵀ x}. Tokens with a
 * negative target have loss 0 and no gradient. Tiles of tokens bound the logits that are held.
 */
final class CrossEntropy {
  /** Logits of one tile. */
  private static final int TILE_ELEMENTS = 1 << 20;

  /** Where nobody asks for the arg-max. */
  private static final int[] NO_ARG_MAX = {};

  private CrossEntropy() {}

  static void forward(double[] losses, Tensor x, Tensor head, int[] targets) {
    forward("crossEntropy", losses, NO_ARG_MAX, x, head, targets);
  }

  static void forwardAndArgMax(
      double[] losses, int[] argMax, Tensor x, Tensor head, int[] targets) {
    forward("crossEntropyAndArgMax", losses, argMax, x, head, targets);
  }

  private static void forward(
      String op, double[] losses, int[] argMax, Tensor x, Tensor head, int[] targets) {
    check(op, x, head, targets);
    for (int from = 0; from < x.dim(0); from += tileRows(head)) {
      int rows = Math.min(tileRows(head), x.dim(0) - from);
      try (Temporaries t = new Temporaries()) {
        Tile tile = new Tile(x.rows(from, rows), Arrays.copyOfRange(targets, from, from + rows));
        tile.forward(t, head, losses, argMax, from);
      }
    }
  }

  static void forwardBackward(
      double[] losses,
      Tensor dX,
      Tensor dHead,
      Tensor x,
      Tensor head,
      int[] targets,
      double scale) {
    check("crossEntropyWithGradient", x, head, targets);
    for (int from = 0; from < x.dim(0); from += tileRows(head)) {
      int rows = Math.min(tileRows(head), x.dim(0) - from);
      try (Temporaries t = new Temporaries()) {
        Tile tile = new Tile(x.rows(from, rows), Arrays.copyOfRange(targets, from, from + rows));
        INDArray probabilities = tile.forward(t, head, losses, NO_ARG_MAX, from);
        tile.backward(t, dX.rows(from, rows), dHead, head, probabilities, scale);
      }
    }
  }

  private static int tileRows(Tensor head) {
    return Math.max(1, TILE_ELEMENTS / head.dim(0));
  }

  private static void check(String op, Tensor x, Tensor head, int[] targets) {
    HostIndices.requireRange(op + " targets", targets, x.dim(0), Integer.MIN_VALUE, head.dim(0));
  }

  /** Some tokens x [n, d] and their targets. */
  private record Tile(Tensor x, int[] targets) {

    /** Writes the losses from index {@code from} on; returns the probabilities [n, V]. */
    INDArray forward(Temporaries t, Tensor head, double[] losses, int[] argMax, int from) {
      INDArray rows = Views.of(x);
      INDArray z = t.array(rows.dataType(), targets.length, head.dim(0));
      Ops.multiply(z, 0, rows, false, Views.of(head), true);
      if (argMax.length > 0) {
        double[] best = Transfer.toHost(t.keep(z.argMax(1)));
        for (int i = 0; i < targets.length; i++) {
          argMax[from + i] = targets[i] < 0 ? -1 : (int) best[i];
        }
      }
      int[] flatIndex = new int[targets.length];
      for (int i = 0; i < targets.length; i++) {
        flatIndex[i] = i * head.dim(0) + Math.max(0, targets[i]);
      }
      INDArray ofTarget = t.array(z.dataType(), targets.length, 1);
      Ops.gatherRows(ofTarget, z.reshape(z.length(), 1), flatIndex);
      Softmax softmax = Softmax.ofRows(t, z);
      double[] loss = Transfer.toHost(softmax.logSumExp().subi(ofTarget));
      for (int i = 0; i < targets.length; i++) {
        losses[from + i] = targets[i] < 0 ? 0 : loss[i];
      }
      return softmax.probabilities();
    }

    void backward(
        Temporaries t, Tensor dX, Tensor dHead, Tensor head, INDArray probabilities, double scale) {
      INDArray target = t.array(probabilities.dataType(), probabilities.shape());
      Ops.oneHot(target, targets);
      INDArray dZ = probabilities.subi(target);
      double[] weight = new double[targets.length];
      for (int i = 0; i < targets.length; i++) {
        weight[i] = targets[i] < 0 ? 0 : scale;
      }
      dZ.muli(t.keep(Transfer.fromHost(weight, dZ.dataType(), targets.length, 1)));
      Ops.multiply(Views.of(dX), 0, dZ, false, Views.of(head), false);
      Ops.multiply(Views.of(dHead), 1, dZ, true, Views.of(x), false);
    }
  }
}
