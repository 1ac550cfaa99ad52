package org.metier.train;

import java.io.Serializable;
import java.util.Locale;

/**
 * The {@code train.averaging} section: how W replicas become one at the end of a round.
 *
 * @param outer what is done with the workers' mean
 * @param reducer who forms the mean
 * @param diloco read if {@code outer = diloco}
 * @param fedspeed read if {@code outer = fedspeed}
 * @param early shorter rounds at the start of the run
 */
public record AveragingConfig(
    Outer outer, Reduction reducer, Diloco diloco, Fedspeed fedspeed, Early early)
    implements Serializable {

  /** All rounds of the same length. */
  AveragingConfig(Outer outer, Reduction reducer, Diloco diloco, Fedspeed fedspeed) {
    this(outer, reducer, diloco, fedspeed, new Early(0, 1));
  }

  /** The outer optimiser. */
  public enum Outer {
    MEAN,
    DILOCO,
    FEDSPEED
  }

  /** Who forms the mean: our own slices, or dl4j-spark's aggregation functions. */
  public enum Reduction {
    SLICED,
    DL4J
  }

  /**
   * SGD with Nesterov momentum on the outer gradient (arXiv 2311.08105).
   *
   * @param learningRate of the outer step; 1 without momentum is the mean
   * @param momentum of the outer gradient, kept from round to round
   */
  public record Diloco(double learningRate, double momentum) implements Serializable {
    public Diloco {
      require(learningRate > 0, "learningRate must be positive, is %s", learningRate);
      require(momentum >= 0 && momentum < 1, "momentum must lie in [0, 1), is %s", momentum);
    }
  }

  /**
   * Prox-correction and perturbed gradients (arXiv 2302.10429).
   *
   * @param lambda λ of the penalty |x - x_start|² / 2λ; larger pulls less
   * @param rho length of the step uphill before the second gradient; 0 leaves that gradient out
   * @param alpha share of the second gradient; 0 leaves it out
   * @param normalize divide the uphill step by the gradient's norm
   */
  public record Fedspeed(double lambda, double rho, double alpha, boolean normalize)
      implements Serializable {
    public Fedspeed {
      require(lambda > 0, "lambda must be positive, is %s", lambda);
      require(rho >= 0, "rho must not be negative, is %s", rho);
      require(alpha >= 0 && alpha <= 1, "alpha must lie between 0 and 1, is %s", alpha);
      require(
          (rho == 0) == (alpha == 0),
          rho == 0
              ? "alpha is %s, but with rho = 0 there is no second gradient: set both to 0 or neither"
              : "rho is %2$s, but with alpha = 0 its gradient is not used: set both to 0 or neither",
          alpha,
          rho);
    }

    /** Whether a step takes a second gradient, uphill of its point. */
    boolean perturbs() {
      return rho > 0;
    }
  }

  /**
   * The first rounds, in which replicas that know little yet drift apart fastest: shorter ones keep
   * them together (post-local SGD, Lin et al., arXiv 1808.07217).
   *
   * @param rounds of that kind; 0 is none
   * @param localSteps H in them
   */
  public record Early(int rounds, int localSteps) implements Serializable {
    public Early {
      require(rounds >= 0, "rounds must not be negative, is %s", rounds);
      require(localSteps >= 1, "localSteps must be at least 1, is %s", localSteps);
    }
  }

  /** Settings of the outer optimiser in use, for comparing two runs. */
  Record outerSettings() {
    return switch (outer) {
      case MEAN -> new None();
      case DILOCO -> diloco;
      case FEDSPEED -> fedspeed;
    };
  }

  /** Where the settings in use stand. */
  String outerKey() {
    return "train.averaging." + outer.name().toLowerCase(Locale.ROOT) + ".";
  }

  private record None() {}

  private static void require(boolean condition, String message, Object... arguments) {
    if (!condition) {
      throw new IllegalArgumentException(message.formatted(arguments));
    }
  }
}
