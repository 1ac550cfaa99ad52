package org.metier.analysis;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * The syntactic control: how much the class of a token (word, number, bracket, …) tells about the
 * expert, and what the domain adds to that.
 *
 * <p>Experts may tell domains apart only because domains use other kinds of tokens. Then I(domain;
 * expert) is positive and I(domain; expert | class) = Σ_c p(c) · I(domain; expert within class c)
 * is 0 (Cover and Thomas 2006, equation 2.61).
 *
 * @param information I(class; expert), bits
 * @param corrected the same less {@link MutualInformation#millerMadowBias}
 * @param shuffled I(class; expert) expected when tokens exchange their classes within their segment
 *     at random: of the table Σ_s n_sc · n_se / n_s, plus the Miller–Madow bias. What remains comes
 *     from texts that differ in both
 * @param domainGivenClass I(domain; expert | class), bits
 * @param domainGivenClassCorrected the same less the Miller–Madow bias of every class's table
 * @param permutationMean mean of I(domain; expert | class) under domain labels shuffled over
 *     segments, as in {@link LabelPermutation}
 * @param permutationQ99 its 99 % quantile (nearest rank)
 */
record ClassInformation(
    double information,
    double corrected,
    double shuffled,
    double domainGivenClass,
    double domainGivenClassCorrected,
    double permutationMean,
    double permutationQ99) {

  static ClassInformation of(LayerRouting routing, int permutations, long seed) {
    long[][] classes = classCounts(routing);
    long[][] observed = domainClassCounts(routing, routing.domain);
    double[] permuted = permuted(routing, permutations, seed);
    double sum = 0;
    for (double value : permuted) {
      sum += value;
    }
    double bias = MutualInformation.millerMadowBias(classes);
    double information = MutualInformation.bits(classes);
    double given = conditional(observed, routing.numExperts);
    return new ClassInformation(
        information,
        information - bias,
        MutualInformation.bits(expectedWithinSegments(routing)) + bias,
        given,
        given - conditionalBias(observed, routing.numExperts),
        sum / permutations,
        permuted[(int) Math.ceil(0.99 * permutations) - 1]);
  }

  /** [C][E]. */
  static long[][] classCounts(LayerRouting routing) {
    long[][] counts = new long[routing.numClasses][routing.numExperts];
    for (long[] segment : routing.classTokens) {
      for (int i = 0; i < segment.length; i++) {
        counts[i / routing.numExperts][i % routing.numExperts] += segment[i];
      }
    }
    return counts;
  }

  /** [C][E] of choices, if class and expert were independent within each segment. */
  private static double[][] expectedWithinSegments(LayerRouting routing) {
    int numExperts = routing.numExperts;
    double[][] expected = new double[routing.numClasses][numExperts];
    for (int s = 0; s < routing.classTokens.length; s++) {
      long[] segment = routing.classTokens[s];
      double choices = 0;
      for (long n : routing.expertTokens[s]) {
        choices += n;
      }
      for (int c = 0; c < routing.numClasses; c++) {
        long ofClass = 0;
        for (int e = 0; e < numExperts; e++) {
          ofClass += segment[c * numExperts + e];
        }
        for (int e = 0; e < numExperts; e++) {
          expected[c][e] += ofClass * (routing.expertTokens[s][e] / choices);
        }
      }
    }
    return expected;
  }

  private static double[] permuted(LayerRouting routing, int permutations, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] labels = routing.domain.clone();
    double[] permuted = new double[permutations];
    for (int p = 0; p < permutations; p++) {
      LabelPermutation.shuffle(labels, random);
      permuted[p] = conditional(domainClassCounts(routing, labels), routing.numExperts);
    }
    Arrays.sort(permuted);
    return permuted;
  }

  /** [D][C·E] under these domain labels of the segments. */
  private static long[][] domainClassCounts(LayerRouting routing, int[] labels) {
    long[][] counts = new long[routing.numDomains()][routing.numClasses * routing.numExperts];
    for (int s = 0; s < labels.length; s++) {
      LayerRouting.add(routing.classTokens[s], counts[labels[s]]);
    }
    return counts;
  }

  private static double conditional(long[][] domainClass, int numExperts) {
    double sum = 0;
    double total = 0;
    for (int from = 0; from < domainClass[0].length; from += numExperts) {
      long[][] table = ofClass(domainClass, from, numExperts);
      double choices = total(table);
      if (choices > 0) {
        sum += choices * MutualInformation.bits(table);
        total += choices;
      }
    }
    return sum / total;
  }

  /** Σ_c p(c) · bias_c. */
  private static double conditionalBias(long[][] domainClass, int numExperts) {
    double sum = 0;
    double total = 0;
    for (int from = 0; from < domainClass[0].length; from += numExperts) {
      long[][] table = ofClass(domainClass, from, numExperts);
      double choices = total(table);
      if (choices > 0) {
        sum += choices * MutualInformation.millerMadowBias(table);
        total += choices;
      }
    }
    return sum / total;
  }

  private static long[][] ofClass(long[][] domainClass, int from, int numExperts) {
    long[][] table = new long[domainClass.length][];
    for (int d = 0; d < table.length; d++) {
      table[d] = Arrays.copyOfRange(domainClass[d], from, from + numExperts);
    }
    return table;
  }

  private static double total(long[][] table) {
    double total = 0;
    for (long[] row : table) {
      for (long n : row) {
        total += n;
      }
    }
    return total;
  }
}
