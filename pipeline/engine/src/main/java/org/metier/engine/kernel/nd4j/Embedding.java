package org.metier.engine.kernel.nd4j;

import java.util.Arrays;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * {@code out[t] = table[tokens[t]]}. Backward: a scatter with repeated tokens would add in an order
 * that chance decides, so each tile of tokens is summed by token first, as a product with a 0-1
 * matrix, and then written to different rows.
 */
final class Embedding {
  /** Tokens per tile: the 0-1 matrix has at most the square of it. */
  private static final int TILE = 256;

  private Embedding() {}

  static void forward(Tensor out, Tensor table, int[] tokens) {
    int rows = out.dim(0);
    HostIndices.requireRange("embedding tokens", tokens, rows, 0, table.dim(0));
    Ops.gatherRows(Views.of(out), Views.of(table), Arrays.copyOf(tokens, rows));
  }

  static void backward(Tensor dTable, Tensor dOut, int[] tokens) {
    int rows = dOut.dim(0);
    HostIndices.requireRange("embeddingBackward tokens", tokens, rows, 0, dTable.dim(0));
    for (int from = 0; from < rows; from += TILE) {
      int count = Math.min(TILE, rows - from);
      addTile(dTable, dOut.rows(from, count), Arrays.copyOfRange(tokens, from, from + count));
    }
  }

  private static void addTile(Tensor dTable, Tensor dOut, int[] tokens) {
    int[] distinct = Arrays.stream(tokens).sorted().distinct().toArray();
    int[] place = new int[tokens.length];
    for (int t = 0; t < tokens.length; t++) {
      place[t] = Arrays.binarySearch(distinct, tokens[t]);
    }
    try (Temporaries t = new Temporaries()) {
      INDArray dRows = Views.of(dOut);
      INDArray table = Views.of(dTable);
      INDArray tokenIsPlace = t.array(dRows.dataType(), tokens.length, distinct.length);
      Ops.oneHot(tokenIsPlace, place);
      INDArray sums = t.array(dRows.dataType(), distinct.length, dOut.dim(1));
      Ops.gatherRows(sums, table, distinct);
      Ops.multiply(sums, 1, tokenIsPlace, true, dRows, false);
      Ops.scatterRows(table, sums, distinct);
    }
  }
}
