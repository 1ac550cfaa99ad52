package org.metier.engine.kernel.contract;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.function.Consumer;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.contract.Trial.Result;
import org.metier.engine.kernel.reference.ReferenceKernels;

/** What every part of {@link KernelsContract} builds on: a candidate and the comparison. */
interface Contract {
  /** The backend on trial. */
  Kernels candidate();

  /** Largest error of a tensor, relative to its largest element. */
  double tolerance();

  /**
   * Runs {@code ops} on the reference and twice on the candidate: results must agree within the
   * tolerance, and the second run of the candidate must give the bits of the first.
   *
   * @param op for the failure message
   */
  default void assertAgrees(String op, Consumer<Trial> ops) {
    long seed = op.hashCode();
    Map<String, Result> expected = Trial.run(new ReferenceKernels(), seed, ops);
    Map<String, Result> actual = Trial.run(candidate(), seed, ops);
    Map<String, Result> again = Trial.run(candidate(), seed, ops);
    assertThat(actual.keySet()).isEqualTo(expected.keySet()).isNotEmpty();
    for (String name : expected.keySet()) {
      Result result = expected.get(name);
      assertClose(
          op + " on " + candidate().name() + ": " + name,
          actual.get(name).values(),
          result.values(),
          result.exact() ? 0 : tolerance());
      assertThat(again.get(name).values())
          .as("%s on %s: %s, bits of a second run", op, candidate().name(), name)
          .isEqualTo(actual.get(name).values());
    }
  }

  /** {@code max |actual - expected| ≤ tolerance · max |expected|}; NaN never passes. */
  static void assertClose(String name, double[] actual, double[] expected, double tolerance) {
    assertThat(actual).as(name).hasSameSizeAs(expected);
    double largest = 0;
    for (double value : expected) {
      assertThat(value).as("%s, expected value", name).isFinite();
      largest = Math.max(largest, Math.abs(value));
    }
    // A tensor of zeros has no scale: there the error is absolute in units of the least float.
    double bound = tolerance * largest + Float.MIN_VALUE;
    for (int i = 0; i < expected.length; i++) {
      if (!(Math.abs(actual[i] - expected[i]) <= bound)) {
        throw new AssertionError(
            "%s[%d] is %s, expected %s: off by %.3g of the largest element, allowed %.3g"
                .formatted(
                    name,
                    i,
                    actual[i],
                    expected[i],
                    Math.abs(actual[i] - expected[i]) / largest,
                    tolerance));
      }
    }
  }
}
