package org.metier.analysis;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * 95 % confidence intervals of the shares q_{E|D}: the percentile bootstrap over whole sequences
 * (the cluster bootstrap: Davison and Hinkley 1997, section 3.8), since the tokens of a sequence
 * are no independent draws.
 *
 * <p>A resample that misses a domain says nothing about it and is left out for that domain. A
 * domain of a single sequence has no spread to resample: its interval is all that is possible, [0,
 * 1/k].
 *
 * @param low [D·E]
 * @param high [D·E]
 */
record SequenceBootstrap(double[] low, double[] high) {
  private static final double TAIL = 0.025;

  static SequenceBootstrap of(LayerRouting routing, int bootstraps, long seed) {
    int numExperts = routing.numExperts;
    int cells = routing.domainExpertTokens.length;
    int[] start = sequenceStarts(routing.sequence);
    int numSequences = start.length - 1;
    int[] draws = new int[numSequences];
    long[] counts = new long[cells];
    double[][] shares = new double[cells][bootstraps];
    int[] resamples = new int[routing.numDomains()];
    SplittableRandom random = new SplittableRandom(seed);
    for (int b = 0; b < bootstraps; b++) {
      Arrays.fill(draws, 0);
      for (int i = 0; i < numSequences; i++) {
        draws[random.nextInt(numSequences)]++;
      }
      Arrays.fill(counts, 0);
      for (int i = 0; i < numSequences; i++) {
        for (int copy = 0; copy < draws[i]; copy++) {
          for (int s = start[i]; s < start[i + 1]; s++) {
            LabelPermutation.add(
                routing.expertTokens,
                s * numExperts,
                counts,
                routing.domain[s] * numExperts,
                numExperts);
          }
        }
      }
      record(counts, numExperts, shares, resamples);
    }
    return percentiles(routing, shares, resamples);
  }

  private static void record(long[] counts, int numExperts, double[][] shares, int[] resamples) {
    for (int d = 0; d < resamples.length; d++) {
      long total = 0;
      for (int e = 0; e < numExperts; e++) {
        total += counts[d * numExperts + e];
      }
      if (total > 0) {
        int b = resamples[d]++;
        for (int e = 0; e < numExperts; e++) {
          shares[d * numExperts + e][b] = (double) counts[d * numExperts + e] / total;
        }
      }
    }
  }

  private static SequenceBootstrap percentiles(
      LayerRouting routing, double[][] shares, int[] resamples) {
    int[] sequencesOfDomain = new int[routing.numDomains()];
    for (int d : routing.domain) {
      sequencesOfDomain[d]++;
    }
    double[] low = new double[shares.length];
    double[] high = new double[shares.length];
    for (int cell = 0; cell < shares.length; cell++) {
      int d = cell / routing.numExperts;
      if (sequencesOfDomain[d] < 2 || resamples[d] == 0) {
        high[cell] = 1.0 / routing.topK;
        continue;
      }
      Arrays.sort(shares[cell], 0, resamples[d]);
      low[cell] = quantile(shares[cell], resamples[d], TAIL);
      high[cell] = quantile(shares[cell], resamples[d], 1 - TAIL);
    }
    return new SequenceBootstrap(low, high);
  }

  /** Linear interpolation between order statistics. */
  private static double quantile(double[] sorted, int length, double q) {
    double position = q * (length - 1);
    int below = (int) position;
    int above = Math.min(below + 1, length - 1);
    return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
  }

  /** First segment of each sequence, and the number of segments at the end. */
  private static int[] sequenceStarts(long[] sequence) {
    int[] starts = new int[sequence.length + 1];
    int count = 0;
    for (int s = 0; s < sequence.length; s++) {
      if (s == 0 || sequence[s] != sequence[s - 1]) {
        starts[count++] = s;
      }
    }
    starts[count] = sequence.length;
    return Arrays.copyOf(starts, count + 1);
  }
}
