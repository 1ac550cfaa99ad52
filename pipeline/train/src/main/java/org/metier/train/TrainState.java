package org.metier.train;

/**
 * All that the next round depends on; what a checkpoint holds. Workers keep nothing.
 *
 * @param round rounds finished
 * @param step optimiser steps finished, of each worker
 * @param position sequences consumed, over all workers and epochs
 * @param momentSteps updates that the moments have seen
 * @param values parameters
 * @param firstMoment Adam's m
 * @param secondMoment Adam's v
 * @param frequencies of the last round
 */
public record TrainState(
    long round,
    long step,
    long position,
    long momentSteps,
    float[] values,
    float[] firstMoment,
    float[] secondMoment,
    GlobalFrequencies frequencies) {

  float[] block(int block) {
    return switch (block) {
      case 0 -> values;
      case 1 -> firstMoment;
      case 2 -> secondMoment;
      default -> throw new IllegalArgumentException("no block " + block);
    };
  }
}
