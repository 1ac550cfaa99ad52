package org.metier.engine.kernel.profile;

import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.Tensor;

/**
 * What one call of an op of {@link Kernels} costs at least, counted from its arguments.
 *
 * @param flops multiplications and additions of the matrix products within the op, causal attention
 *     counted for the positions that a token may see; 0 for ops without products, whose arithmetic
 *     is free beside their memory traffic
 * @param elements numbers that must be read or written: each tensor once, twice where the op reads
 *     and writes it, and of an embedding table the rows in use. A lower bound: host arrays, a
 *     gather's repeated rows and whatever a backend keeps for itself are left out
 */
record OpCost(double flops, double elements) {

  /**
   * Cost of one call.
   *
   * @param op name of the method of {@link Kernels}
   * @param a its arguments
   * @throws IllegalArgumentException if nobody has said what {@code op} costs
   */
  static OpCost of(String op, Object... a) {
    double once = elements(a);
    return switch (op) {
      case "upload",
          "download",
          "fill",
          "copy",
          "squaredNorm",
          "rmsNorm",
          "headNormRotary",
          "headNormRotaryBackward",
          "route",
          "routeBackward" ->
          new OpCost(0, once);
      case "addScaled", "rmsNormBackward" -> new OpCost(0, once + size(a[0]));
      case "jitter" -> new OpCost(0, once + ((boolean) a[4] ? size(a[0]) : 0));
      case "adamW" -> new OpCost(0, once + size(a[0]) + size(a[2]) + size(a[3]));
      case "embedding" -> new OpCost(0, 2 * size(a[0]));
      case "embeddingBackward" -> new OpCost(0, 3 * size(a[1]));
      // out [T, n], x [T, m]
      case "linear", "linearInputGradient" -> new OpCost(product(a[0], a[1]), once);
      case "linearWeightGradient" -> new OpCost(product(a[1], a[2]), once + size(a[0]));
      // gateUp [R, 2f] by [2f, d], and half as much by down; backward each of them twice
      case "experts" -> new OpCost(1.5 * product(a[1], a[4]), once + size(a[2]));
      case "expertsBackward" ->
          new OpCost(3 * product(a[6], a[7]), once + size(a[2]) + size(a[3]) + size(a[4]));
      // q kᵀ and p v
      case "attention" ->
          new OpCost(2 * attentionProduct((int[]) a[3], (AttentionShape) a[4]), once);
      // q kᵀ again, and the gradients of p, v, q and k
      case "attentionBackward" ->
          new OpCost(5 * attentionProduct((int[]) a[5], (AttentionShape) a[6]), once);
      // x [T, d] by head [V, d]; with its gradient two products more, into dX and dHead
      case "crossEntropy" -> new OpCost(2 * size(a[1]) * rows(a[2]), once);
      case "crossEntropyAndArgMax" -> new OpCost(2 * size(a[2]) * rows(a[3]), once);
      case "crossEntropyWithGradient" -> new OpCost(6 * size(a[3]) * rows(a[4]), once + size(a[2]));
      default -> throw new IllegalArgumentException("nobody has said what " + op + " costs");
    };
  }

  /** Flops of the product of which every row of {@code a} meets every column of {@code b}. */
  private static double product(Object a, Object b) {
    return 2 * size(a) * ((Tensor) b).rowSize();
  }

  /** Flops of one of attention's products over the pairs of positions that see each other. */
  private static double attentionProduct(int[] documentStart, AttentionShape shape) {
    long pairs = 0;
    for (int t = 0; t < shape.tokens(); t++) {
      pairs += t % shape.sequence() - documentStart[t] + 1;
    }
    return 2.0 * pairs * shape.queryWidth();
  }

  private static double elements(Object[] arguments) {
    double sum = 0;
    for (Object argument : arguments) {
      if (argument instanceof Tensor tensor) {
        sum += tensor.size();
      }
    }
    return sum;
  }

  private static double size(Object tensor) {
    return ((Tensor) tensor).size();
  }

  private static double rows(Object tensor) {
    return ((Tensor) tensor).rows();
  }
}
