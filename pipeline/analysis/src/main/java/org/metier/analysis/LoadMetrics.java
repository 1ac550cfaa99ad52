package org.metier.analysis;

/**
 * How evenly c [E] tokens fall on the experts.
 *
 * @param entropy H(c/Σc) / ln E; 1 = even, 0 = one expert gets all
 * @param cv std(c) / mean(c), population standard deviation
 * @param maxVio max(c) / mean(c) − 1 (arXiv 2408.15664); 0 = even, at most E/k − 1
 * @param deadExperts experts without a token
 */
record LoadMetrics(double entropy, double cv, double maxVio, int deadExperts) {

  static LoadMetrics of(long[] expertTokens) {
    long total = 0;
    long max = 0;
    int dead = 0;
    for (long c : expertTokens) {
      total += c;
      max = Math.max(max, c);
      dead += c == 0 ? 1 : 0;
    }
    double mean = (double) total / expertTokens.length;
    double squares = 0;
    for (long c : expertTokens) {
      squares += (c - mean) * (c - mean);
    }
    double cv = Math.sqrt(squares / expertTokens.length) / mean;
    double bits = Math.log(expertTokens.length) / Math.log(2);
    double entropy =
        expertTokens.length == 1 ? 1 : MutualInformation.entropyBits(expertTokens) / bits;
    return new LoadMetrics(entropy, cv, max / mean - 1, dead);
  }
}
