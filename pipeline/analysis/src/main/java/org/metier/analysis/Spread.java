package org.metier.analysis;

import java.util.Arrays;
import java.util.Locale;
import org.apache.commons.math3.distribution.TDistribution;

/**
 * Mean of a number over seeds and how sure it is.
 *
 * @param mean of the seeds
 * @param halfWidth of the 95 % confidence interval of the mean, {@code t(0.975, n-1) · s / √n}
 *     (Student 1908; s with n - 1); NaN with one seed
 */
record Spread(double mean, double halfWidth) {
  private static final double QUANTILE = 0.975;

  static Spread of(double[] values) {
    int n = values.length;
    double mean = Arrays.stream(values).average().orElse(Double.NaN);
    if (n < 2) {
      return new Spread(mean, Double.NaN);
    }
    double squares = Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum();
    double t = new TDistribution(n - 1).inverseCumulativeProbability(QUANTILE);
    return new Spread(mean, t * Math.sqrt(squares / (n - 1) / n));
  }

  /** "4.433 ± 0.012", or the mean alone where there is one seed. */
  String words(int digits) {
    String number = "%." + digits + "f";
    return Double.isNaN(halfWidth)
        ? String.format(Locale.ROOT, number, mean)
        : String.format(Locale.ROOT, number + " ± " + number, mean, halfWidth);
  }
}
