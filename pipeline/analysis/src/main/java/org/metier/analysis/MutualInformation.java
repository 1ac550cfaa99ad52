package org.metier.analysis;

import java.util.Arrays;

/**
 * Mutual information between domain and expert choice, in bits, from a table of counts n [D][E].
 *
 * <p>I = Σ_D π_D Σ_E q_{E|D} · log2(q_{E|D} / q_E) with q_{E|D} = N_ED / (k·N_D), π_D = N_D / N and
 * q_E = Σ_D π_D q_{E|D}. Every token makes k choices, so with n = N_ED this is the mutual
 * information of the joint distribution n / Σn. 0 = routing ignores the domain; never above
 * min(log2 E, H(π)).
 */
final class MutualInformation {
  private static final double LN2 = Math.log(2);

  private MutualInformation() {}

  /**
   * The plug-in estimate, in bits.
   *
   * @param counts [D][E]
   */
  static double bits(long[][] counts) {
    double[][] exact = new double[counts.length][]; // counts are far below 2^53
    for (int d = 0; d < counts.length; d++) {
      exact[d] = Arrays.stream(counts[d]).asDoubleStream().toArray();
    }
    return bits(exact);
  }

  /**
   * The same of expected counts, which need not be whole.
   *
   * @param counts [D][E]
   */
  static double bits(double[][] counts) {
    double[] perExpert = new double[counts[0].length];
    double[] perDomain = new double[counts.length];
    double total = 0;
    for (int d = 0; d < counts.length; d++) {
      for (int e = 0; e < perExpert.length; e++) {
        perDomain[d] += counts[d][e];
        perExpert[e] += counts[d][e];
      }
      total += perDomain[d];
    }
    double sum = 0;
    for (int d = 0; d < counts.length; d++) {
      for (int e = 0; e < perExpert.length; e++) {
        double n = counts[d][e];
        if (n > 0) {
          sum += n * Math.log(n * total / (perDomain[d] * perExpert[e]));
        }
      }
    }
    return Math.max(0, sum / total / LN2);
  }

  /**
   * I with its 95 % interval over held-out text of this kind. I is Σ_s y_s / Σ_s n_s over
   * sequences, with y_s the sum over the sequence's choices of the pointwise information log2(n_DE
   * Σn / (n_D n_E)), and that ratio's linearised variance is also the delta method's for I (∂I/∂p
   * is the pointwise information less a constant), whole sequences being what is drawn
   * independently. Where I is near 0 the first order vanishes, and the permutation null says more.
   */
  static RatioInterval interval(LayerRouting routing) {
    double[][] pointwise = pointwise(routing.domainExpertTokens);
    RatioInterval.Sums sums = new RatioInterval.Sums();
    double information = 0;
    double choices = 0;
    for (int s = 0; s < routing.sequence.length; s++) {
      long[] tokens = routing.expertTokens[s];
      for (int e = 0; e < tokens.length; e++) {
        if (tokens[e] > 0) {
          information += tokens[e] * pointwise[routing.domain[s]][e];
          choices += tokens[e];
        }
      }
      if (s + 1 == routing.sequence.length || routing.sequence[s + 1] != routing.sequence[s]) {
        sums.add(information, choices);
        information = 0;
        choices = 0;
      }
    }
    return sums.interval();
  }

  /** [D][E] log2(n_DE Σn / (n_D n_E)); minus infinity where there is no choice. */
  private static double[][] pointwise(long[][] counts) {
    double[] perDomain = new double[counts.length];
    double[] perExpert = new double[counts[0].length];
    double total = 0;
    for (int d = 0; d < counts.length; d++) {
      for (int e = 0; e < perExpert.length; e++) {
        perDomain[d] += counts[d][e];
        perExpert[e] += counts[d][e];
        total += counts[d][e];
      }
    }
    double[][] bits = new double[counts.length][perExpert.length];
    for (int d = 0; d < counts.length; d++) {
      for (int e = 0; e < perExpert.length; e++) {
        bits[d][e] = Math.log(counts[d][e] * total / (perDomain[d] * perExpert[e])) / LN2;
      }
    }
    return bits;
  }

  /**
   * What finite counts alone add to the plug-in estimate if choices are independent, in bits: (m_DE
   * − m_D − m_E + 1) / (2·Σn·ln 2), with m the occupied cells of the joint and the two marginal
   * distributions (Miller 1955; with all cells occupied (E−1)(D−1) / (2·Σn·ln 2)). Choices of one
   * sequence are not independent, so the true bias is larger: the permutation null shows it.
   *
   * @param counts [D][E]
   */
  static double millerMadowBias(long[][] counts) {
    boolean[] expertSeen = new boolean[counts[0].length];
    long total = 0;
    int joint = 0;
    int domains = 0;
    for (long[] domain : counts) {
      boolean domainSeen = false;
      for (int e = 0; e < domain.length; e++) {
        if (domain[e] > 0) {
          total += domain[e];
          joint++;
          domainSeen = true;
          expertSeen[e] = true;
        }
      }
      domains += domainSeen ? 1 : 0;
    }
    int experts = 0;
    for (boolean seen : expertSeen) {
      experts += seen ? 1 : 0;
    }
    return (joint - domains - experts + 1) / (2.0 * total * LN2);
  }

  /** Entropy of counts / Σ counts, in bits. */
  static double entropyBits(long[] counts) {
    long total = 0;
    for (long n : counts) {
      total += n;
    }
    double sum = 0;
    for (long n : counts) {
      if (n > 0) {
        sum -= n * Math.log((double) n / total);
      }
    }
    return sum / total / LN2;
  }
}
