package org.metier.analysis;

/**
 * A ratio of sums Σ y / Σ x over independent clusters (sequences) with its 95 % interval: the ratio
 * estimator's linearised variance m/(m−1) · Σ (y − r·x)² / (Σ x)² and the normal distribution
 * (Cochran 1977, Sampling Techniques, section 6.4). Clusters with x = y = 0 do not count.
 *
 * @param ratio r; NaN without any x
 * @param standardError NaN for fewer than two clusters
 */
record RatioInterval(double ratio, double standardError) {
  /** 97.5 % quantile of the normal distribution. */
  private static final double QUANTILE = 1.959963984540054;

  boolean isDefined() {
    return !Double.isNaN(ratio);
  }

  /** Negative infinity where nothing is known about the spread. */
  double low() {
    return Double.isNaN(standardError)
        ? Double.NEGATIVE_INFINITY
        : ratio - QUANTILE * standardError;
  }

  /** Infinity where nothing is known about the spread. */
  double high() {
    return Double.isNaN(standardError)
        ? Double.POSITIVE_INFINITY
        : ratio + QUANTILE * standardError;
  }

  /** Sums over clusters, in the order in which they are added. */
  static final class Sums {
    private long clusters;
    private double y;
    private double x;
    private double yy;
    private double xy;
    private double xx;

    void add(double yOfCluster, double xOfCluster) {
      if (xOfCluster == 0 && yOfCluster == 0) {
        return;
      }
      clusters++;
      y += yOfCluster;
      x += xOfCluster;
      yy += yOfCluster * yOfCluster;
      xy += xOfCluster * yOfCluster;
      xx += xOfCluster * xOfCluster;
    }

    RatioInterval interval() {
      double r = y / x;
      double squares = Math.max(0, yy - 2 * r * xy + r * r * xx);
      double error = Math.sqrt(squares * clusters / (clusters - 1.0)) / x;
      return new RatioInterval(r, clusters < 2 ? Double.NaN : error);
    }
  }
}
