package org.metier.train;

import java.util.List;
import java.util.Map;

/**
 * DiLoCo's outer optimiser (Douillard et al., arXiv 2311.08105): the way from the workers' mean
 * back to the round's start is the outer gradient of an SGD step with Nesterov momentum.
 *
 * <pre>
 * g = θ_start - mean      m ← μ m + g      θ = θ_start - η (g + μ m)
 * </pre>
 *
 * Sums run in double; parameters and momentum are kept in float.
 */
record NesterovMomentum(AveragingConfig.Diloco config) implements OuterOptimizer {

  @Override
  public List<Block> state() {
    return List.of(Block.OUTER_MOMENTUM);
  }

  @Override
  public void step(float[] values, float[] mean, Map<Block, float[]> state, int from) {
    float[] momentum = state.get(Block.OUTER_MOMENTUM);
    double rate = config.learningRate();
    double mu = config.momentum();
    for (int i = 0; i < mean.length; i++) {
      int p = from + i;
      double gradient = (double) values[p] - mean[i];
      double m = mu * momentum[p] + gradient;
      values[p] = (float) (values[p] - rate * (gradient + mu * m));
      momentum[p] = (float) m;
    }
  }
}
