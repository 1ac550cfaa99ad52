package org.metier.train;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * All that the next round depends on beside what workers keep for themselves; what a checkpoint
 * holds.
 *
 * @param round rounds finished
 * @param step optimiser steps finished, of each worker
 * @param position sequences consumed, over all workers and epochs
 * @param momentSteps updates that the moments have seen
 * @param blocks parameters, and what else the run's {@link Block.Plan} gives to the driver
 * @param frequencies of the last round
 */
public record TrainState(
    long round,
    long step,
    long position,
    long momentSteps,
    Map<Block, float[]> blocks,
    GlobalFrequencies frequencies) {

  /** Before the first round: all but the parameters is zero. */
  static TrainState initial(float[] values, List<Block> blocks) {
    Map<Block, float[]> initial = new EnumMap<>(Block.class);
    blocks.forEach(block -> initial.put(block, new float[values.length]));
    initial.put(Block.VALUE, values);
    return new TrainState(0, 0, 0, 0, initial, GlobalFrequencies.none());
  }

  /** The parameters. */
  float[] values() {
    return blocks.get(Block.VALUE);
  }
}
