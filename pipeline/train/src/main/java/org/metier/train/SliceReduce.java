package org.metier.train;

import java.io.Serializable;
import java.util.Comparator;
import java.util.List;

/**
 * The mean of one slice over all workers, weighted by the tokens that each trained on. Sums run in
 * double and in worker order, so the bits do not depend on which task finished first; with one
 * worker the result is its slice, bit for bit (t·x / t is exact in double for a float x and t below
 * 2^29).
 */
final class SliceReduce {
  private SliceReduce() {}

  /**
   * One worker's version of a slice.
   *
   * @param data little-endian float32
   */
  record Contribution(int worker, long tokens, byte[] data) implements Serializable {}

  /** Weighted mean, little-endian float32. */
  static byte[] mean(List<Contribution> contributions) {
    contributions.sort(Comparator.comparingInt(Contribution::worker));
    int count = contributions.get(0).data().length / Float.BYTES;
    double[] sum = new double[count];
    float[] values = new float[count];
    double tokens = 0;
    for (Contribution contribution : contributions) {
      ParameterSlices.decode(contribution.data(), values, 0);
      double weight = contribution.tokens();
      tokens += weight;
      for (int i = 0; i < count; i++) {
        sum[i] += weight * values[i];
      }
    }
    for (int i = 0; i < count; i++) {
      values[i] = (float) (sum[i] / tokens);
    }
    return ParameterSlices.encode(values, 0, count);
  }
}
