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
 * @param low [D][E]
 * @param high [D][E]
 */
record SequenceBootstrap(double[][] low, double[][] high) {
  private static final double TAIL = 0.025;

  /** Resamples that are added up together, so that a row is fetched once for all of them. */
  private static final int BLOCK = 16;

  static SequenceBootstrap of(LayerRouting routing, int bootstraps, long seed) {
    int[] start = sequenceStarts(routing.sequence);
    double[][][] shares = new double[routing.numDomains()][routing.numExperts][bootstraps];
    int[] resamples = new int[routing.numDomains()];
    SplittableRandom random = new SplittableRandom(seed);
    for (int from = 0; from < bootstraps; from += BLOCK) {
      int block = Math.min(BLOCK, bootstraps - from);
      int[][] draws = draws(block, start.length - 1, random);
      for (long[][] counts : resampledCounts(routing, start, draws)) {
        record(counts, shares, resamples);
      }
    }
    return percentiles(routing, shares, resamples);
  }

  /** [block][sequences] how often each resample holds each sequence. */
  private static int[][] draws(int block, int numSequences, SplittableRandom random) {
    int[][] draws = new int[block][numSequences];
    for (int[] resample : draws) {
      for (int i = 0; i < numSequences; i++) {
        resample[random.nextInt(numSequences)]++;
      }
    }
    return draws;
  }

  /** [block][D][E] tokens per domain and expert in each resample. */
  private static long[][][] resampledCounts(LayerRouting routing, int[] start, int[][] draws) {
    long[][][] counts = new long[draws.length][routing.numDomains()][routing.numExperts];
    for (int i = 0; i + 1 < start.length; i++) {
      for (int s = start[i]; s < start[i + 1]; s++) {
        for (int b = 0; b < draws.length; b++) {
          for (int copy = 0; copy < draws[b][i]; copy++) {
            LayerRouting.add(routing.expertTokens[s], counts[b][routing.domain[s]]);
          }
        }
      }
    }
    return counts;
  }

  private static void record(long[][] counts, double[][][] shares, int[] resamples) {
    for (int d = 0; d < counts.length; d++) {
      long total = 0;
      for (long n : counts[d]) {
        total += n;
      }
      if (total > 0) {
        int b = resamples[d]++;
        for (int e = 0; e < counts[d].length; e++) {
          shares[d][e][b] = (double) counts[d][e] / total;
        }
      }
    }
  }

  private static SequenceBootstrap percentiles(
      LayerRouting routing, double[][][] shares, int[] resamples) {
    int[] sequencesOfDomain = new int[routing.numDomains()];
    for (int d : routing.domain) {
      sequencesOfDomain[d]++;
    }
    double[][] low = new double[routing.numDomains()][routing.numExperts];
    double[][] high = new double[routing.numDomains()][routing.numExperts];
    for (int d = 0; d < low.length; d++) {
      for (int e = 0; e < routing.numExperts; e++) {
        if (sequencesOfDomain[d] < 2 || resamples[d] == 0) {
          high[d][e] = 1.0 / routing.topK;
        } else {
          Arrays.sort(shares[d][e], 0, resamples[d]);
          low[d][e] = quantile(shares[d][e], resamples[d], TAIL);
          high[d][e] = quantile(shares[d][e], resamples[d], 1 - TAIL);
        }
      }
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
