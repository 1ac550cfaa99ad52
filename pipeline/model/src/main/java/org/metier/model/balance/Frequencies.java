package org.metier.model.balance;

import java.util.Arrays;

/** Arithmetic on expert-selection counts and the shares f_e that they give. */
public final class Frequencies {
  private Frequencies() {}

  /** f_e = c_e / Σ c; uniform where nothing was counted. */
  public static double[] of(long[] counts) {
    long total = 0;
    for (long count : counts) {
      total += count;
    }
    double[] frequency = new double[counts.length];
    for (int e = 0; e < counts.length; e++) {
      frequency[e] = total == 0 ? 1.0 / counts.length : (double) counts[e] / total;
    }
    return frequency;
  }

  /** f of each of the runs that {@code counts} [S·E] hold; [S·E]. */
  public static double[] ofRuns(long[] counts, int experts) {
    double[] frequency = new double[counts.length];
    for (int from = 0; from < counts.length; from += experts) {
      double[] ofRun = of(Arrays.copyOfRange(counts, from, from + experts));
      System.arraycopy(ofRun, 0, frequency, from, experts);
    }
    return frequency;
  }

  /**
   * {@code (1 - share) · frequency + share · other}: a window with a little of another in it.
   *
   * @param frequency [S·E]
   * @param other [E], the same for every run
   */
  public static double[] mix(double[] frequency, double[] other, double share) {
    double[] mixed = new double[frequency.length];
    for (int i = 0; i < mixed.length; i++) {
      mixed[i] = (1 - share) * frequency[i] + share * other[i % other.length];
    }
    return mixed;
  }

  /**
   * f̃ of AdaMoE (arXiv 2406.13233, Eq. 6): every null expert has the mean frequency of all of
   * them, so that nulls are balanced as a group against the experts and not against each other.
   *
   * @param frequency [S·(n + m)] of S runs
   * @param experts n
   * @param nulls m, at least 1
   */
  public static double[] averageNulls(double[] frequency, int experts, int nulls) {
    double[] averaged = frequency.clone();
    for (int first = experts; first < averaged.length; first += experts + nulls) {
      double sum = 0;
      for (int e = first; e < first + nulls; e++) {
        sum += frequency[e];
      }
      Arrays.fill(averaged, first, first + nulls, sum / nulls);
    }
    return averaged;
  }

  /**
   * The last round's global frequencies moved by the drift that one worker has seen since: {@code
   * normalise(max(0, global + now - then))}. If workers see one mixture, {@code now} cancels the
   * staleness; if each sees domains of its own, {@code then} cancels the worker's bias.
   *
   * @param global [E] all workers' frequencies over the last round
   * @param now [E] this worker's over its most recent micro-batches
   * @param then [E] this worker's over the last round
   * @return [E], not negative, summing to 1
   */
  public static double[] driftCorrected(double[] global, double[] now, double[] then) {
    double[] frequency = new double[global.length];
    double sum = 0;
    for (int e = 0; e < global.length; e++) {
      frequency[e] = Math.max(0, global[e] + now[e] - then[e]);
      sum += frequency[e];
    }
    // The unclipped terms sum to 1, so the clipped ones sum to at least 1.
    for (int e = 0; e < global.length; e++) {
      frequency[e] /= sum;
    }
    return frequency;
  }

  /** {@code E · Σ_e f_e · P_e}: the balance loss before any coefficient; 1 if either is uniform. */
  public static double balance(double[] frequency, double[] meanProbability) {
    double sum = 0;
    for (int e = 0; e < frequency.length; e++) {
      sum += frequency[e] * meanProbability[e];
    }
    return frequency.length * sum;
  }

  /**
   * MaxVio of Wang et al. (arXiv 2408.15664): the busiest expert's load over the mean load, minus
   * 1. Between 0 and E/k - 1.
   */
  public static double maxViolation(long[] counts) {
    long total = 0;
    long largest = 0;
    for (long count : counts) {
      total += count;
      largest = Math.max(largest, count);
    }
    return total == 0 ? 0 : (double) largest * counts.length / total - 1;
  }
}
