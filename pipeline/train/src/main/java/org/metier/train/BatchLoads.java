package org.metier.train;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;

/** Expert counts of one worker's batches, micro-batch by micro-batch and step by step. */
final class BatchLoads {
  private final List<int[][]> steps = new ArrayList<>();
  private final DoubleStream.Builder microBatches = DoubleStream.builder();

  void beginStep(int layers, int experts) {
    steps.add(new int[layers][experts]);
  }

  /**
   * Adds a micro-batch to the step that has begun.
   *
   * @param counts [L][E]
   */
  void add(long[][] counts) {
    int[][] step = steps.get(steps.size() - 1);
    for (int l = 0; l < counts.length; l++) {
      for (int e = 0; e < counts[l].length; e++) {
        step[l][e] += Math.toIntExact(counts[l][e]);
      }
    }
    microBatches.add(MaxViolations.meanOverLayers(counts));
  }

  /** [H][L][E]. */
  int[][][] steps() {
    return steps.toArray(new int[0][][]);
  }

  /** MaxVio of the micro-batches; ends the counting. */
  MaxViolations.OverRound microBatches() {
    return MaxViolations.OverRound.of(microBatches.build().toArray());
  }
}
