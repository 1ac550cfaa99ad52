package org.metier.engine.kernel.nd4j;

import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101), piece by piece, so
 * that scratch memory does not grow with the parameters.
 */
final class AdamW {
  private AdamW() {}

  static void update(
      Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, AdamWStep step) {
    for (int from = 0, count; from < value.size(); from += count) {
      count = Math.min(Elementwise.PIECE, value.size() - from);
      update(
          Views.piece(value, from, count),
          Views.piece(gradient, from, count),
          Views.piece(firstMoment, from, count),
          Views.piece(secondMoment, from, count),
          step);
    }
  }

  private static void update(
      INDArray w, INDArray gradient, INDArray m, INDArray v, AdamWStep step) {
    try (Temporaries t = new Temporaries()) {
      INDArray g = t.keep(gradient.mul(step.gradientScale()));
      INDArray scratch = t.keep(g.mul(1 - step.beta1()));
      m.muli(step.beta1()).addi(scratch);
      g.muli(g, scratch).muli(1 - step.beta2());
      v.muli(step.beta2()).addi(scratch);

      scratch.assign(v);
      INDArray denominator = Transforms.sqrt(scratch.divi(step.biasCorrection2()), false);
      denominator.addi(step.epsilon());
      INDArray change = g.assign(m);
      change.divi(step.biasCorrection1()).divi(denominator);
      INDArray decay = scratch.assign(w).muli(step.weightDecay());
      w.subi(change.addi(decay).muli(step.learningRate()));
    }
  }
}
