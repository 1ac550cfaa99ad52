package org.metier.analysis;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * The null of the mutual information: domain labels shuffled over whole segments.
 *
 * <p>Labels move between segments and not between tokens, because the tokens of one text follow the
 * same topic and use the same experts whatever the domain; shuffling tokens would call every such
 * correlation specialisation. All layers of a run see the same permutations.
 *
 * @param mean mean of the permuted mutual information, bits
 * @param q99 its 99 % quantile (nearest rank), bits
 * @param p (1 + permutations with at least the observed value) / (1 + permutations), the exact
 *     Monte Carlo p-value (Davison and Hinkley 1997, section 4.2)
 */
record LabelPermutation(double mean, double q99, double p) {

  /** Sums of the same terms in another order differ by this much at most, relative to 1 bit. */
  private static final double ROUNDING = 1e-12;

  static LabelPermutation of(LayerRouting routing, int permutations, long seed) {
    double observed = MutualInformation.bits(routing.domainExpertTokens);
    SplittableRandom random = new SplittableRandom(seed);
    int[] labels = routing.domain.clone();
    long[][] counts = new long[routing.numDomains()][routing.numExperts];
    double[] permuted = new double[permutations];
    int atLeast = 0;
    double sum = 0;
    for (int p = 0; p < permutations; p++) {
      shuffle(labels, random);
      for (long[] domain : counts) {
        Arrays.fill(domain, 0);
      }
      for (int s = 0; s < labels.length; s++) {
        LayerRouting.add(routing.expertTokens[s], counts[labels[s]]);
      }
      permuted[p] = MutualInformation.bits(counts);
      sum += permuted[p];
      atLeast += permuted[p] >= observed - ROUNDING ? 1 : 0;
    }
    Arrays.sort(permuted);
    int rank = (int) Math.ceil(0.99 * permutations);
    return new LabelPermutation(
        sum / permutations, permuted[rank - 1], (1.0 + atLeast) / (1.0 + permutations));
  }

  /** Fisher–Yates. */
  static void shuffle(int[] values, SplittableRandom random) {
    for (int i = values.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int swap = values[i];
      values[i] = values[j];
      values[j] = swap;
    }
  }
}
