package org.metier.engine.kernel.nd4j;

import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * Softmax of each row, with the largest element taken out before exp.
 *
 * @param probabilities [n, m]
 * @param logSumExp [n, 1]
 */
record Softmax(INDArray probabilities, INDArray logSumExp) {

  /** Works in place: {@code z} [n, m] becomes the probabilities. */
  static Softmax ofRows(Temporaries t, INDArray z) {
    INDArray max = t.keep(z.max(true, 1));
    z.subi(max);
    Transforms.exp(z, false);
    INDArray sum = t.keep(z.sum(true, 1));
    z.divi(sum);
    Transforms.log(sum, false);
    return new Softmax(z, sum.addi(max));
  }
}
