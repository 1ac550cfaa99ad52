package org.metier.engine.kernel.nd4j;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * ND4J's native ops that have no method on INDArray, or only one that copies behind the scenes. All
 * of them give the same bits for the same input: none adds two numbers to one place in an order
 * that chance decides, as a scatter with repeated indices would.
 */
final class Ops {
  private Ops() {}

  /**
   * {@code out = op(a) op(b) + beta · out} for matrices; op transposes if its flag is set. With
   * {@code beta} 0 the old content is not read.
   */
  static void multiply(
      INDArray out, double beta, INDArray a, boolean transposeA, INDArray b, boolean transposeB) {
    Nd4j.exec(
        DynamicCustomOp.builder("matmul")
            .addInputs(a, b)
            .addOutputs(out)
            .addIntegerArguments(transposeA ? 1 : 0, transposeB ? 1 : 0, 0)
            .addFloatingPointArguments(1.0, beta)
            .build());
  }

  /** {@code out[i] = source[index[i]]} for rows. */
  static void gatherRows(INDArray out, INDArray source, int[] index) {
    try (INDArray indices = Nd4j.createFromArray(index)) {
      Nd4j.exec(
          DynamicCustomOp.builder("gather")
              .addInputs(source, indices)
              .addOutputs(out)
              .addIntegerArguments(0)
              .build());
    }
  }

  /**
   * {@code target[index[i]] = rows[i]}.
   *
   * @param index no row twice
   */
  static void scatterRows(INDArray target, INDArray rows, int[] index) {
    try (INDArray indices = Nd4j.createFromArray(index)) {
      Nd4j.exec(
          DynamicCustomOp.builder("scatter_upd")
              .addInputs(target, indices, rows)
              .addOutputs(target)
              .callInplace(true)
              .build());
    }
  }

  /** {@code out[i, index[i]] = 1} and 0 elsewhere; a negative index gives a row of zeros. */
  static void oneHot(INDArray out, int[] index) {
    try (INDArray indices = Nd4j.createFromArray(index)) {
      Nd4j.exec(
          DynamicCustomOp.builder("onehot")
              .addInputs(indices)
              .addOutputs(out)
              .addIntegerArguments(-1, (int) out.size(1))
              .addFloatingPointArguments(1.0, 0.0)
              .build());
    }
  }

  /** {@code a < b} for matrices that broadcast, as 1 and 0 in the type of {@code a}. */
  static INDArray less(Temporaries temporaries, INDArray a, INDArray b) {
    long rows = Math.max(a.size(0), b.size(0));
    long columns = Math.max(a.size(1), b.size(1));
    INDArray truth = temporaries.array(DataType.BOOL, rows, columns);
    Nd4j.exec(DynamicCustomOp.builder("less").addInputs(a, b).addOutputs(truth).build());
    return temporaries.copy(truth, a.dataType());
  }
}
