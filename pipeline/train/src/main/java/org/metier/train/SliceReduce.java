package org.metier.train;

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * The mean of one slice over all workers, weighted by the tokens that each trained on. Sums run in
 * double and in worker order, so the bits do not depend on which task finished first; with one
 * worker the result is its slice, bit for bit (t·x / t is exact in double for a float x and t below
 * 2^29).
 */
final class SliceReduce {
  /** Elements that are summed at a time: sums and values stay in the processor's first cache. */
  private static final int TILE = 2048;

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
    double tokens = 0;
    FloatBuffer[] sources = new FloatBuffer[contributions.size()];
    for (int c = 0; c < sources.length; c++) {
      tokens += contributions.get(c).tokens();
      sources[c] = floats(contributions.get(c).data());
    }
    byte[] mean = new byte[contributions.get(0).data().length];
    FloatBuffer target = floats(mean);
    double[] sum = new double[TILE];
    float[] values = new float[TILE];
    while (target.hasRemaining()) {
      int count = Math.min(TILE, target.remaining());
      Arrays.fill(sum, -0.0); // the one number that leaves even -0.0 as it is when added
      for (int c = 0; c < sources.length; c++) {
        sources[c].get(values, 0, count);
        add(sum, values, contributions.get(c).tokens(), count);
      }
      divide(values, sum, tokens, count);
      target.put(values, 0, count);
    }
    return mean;
  }

  private static void add(double[] sum, float[] values, double weight, int count) {
    for (int i = 0; i < count; i++) {
      sum[i] += weight * values[i];
    }
  }

  private static void divide(float[] values, double[] sum, double by, int count) {
    for (int i = 0; i < count; i++) {
      values[i] = (float) (sum[i] / by);
    }
  }

  private static FloatBuffer floats(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
  }
}
