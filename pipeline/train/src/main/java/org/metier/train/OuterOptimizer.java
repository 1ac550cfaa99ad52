package org.metier.train;

import java.util.List;
import java.util.Map;

/**
 * Makes the next parameters out of the last ones and of what the workers sent, averaged. Works
 * element by element, so that it can be fed slice by slice; its state stays on the driver and costs
 * no traffic.
 */
interface OuterOptimizer {

  /** Blocks that it keeps between rounds, zero at first. */
  List<Block> state();

  /**
   * Overwrites {@code values[from + i]} with the next parameters, for every i of {@code mean}.
   *
   * @param values the round's start
   * @param mean of what the workers sent
   * @param state the blocks of {@link #state}, updated in place
   */
  void step(float[] values, float[] mean, Map<Block, float[]> state, int from);

  /** The optimiser that the config names. */
  static OuterOptimizer of(AveragingConfig config) {
    return switch (config.outer()) {
      // FedSpeed's server takes the mean: all else of it happens in ProxCorrection.
      case MEAN, FEDSPEED -> new Mean();
      case DILOCO -> new NesterovMomentum(config.diloco());
    };
  }

  /** Parameter averaging: the mean as it is. */
  record Mean() implements OuterOptimizer {
    @Override
    public List<Block> state() {
      return List.of();
    }

    @Override
    public void step(float[] values, float[] mean, Map<Block, float[]> state, int from) {
      System.arraycopy(mean, 0, values, from, mean.length);
    }
  }
}
