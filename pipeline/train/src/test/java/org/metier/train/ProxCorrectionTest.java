package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.engine.tensor.Tensor;
import org.metier.train.AveragingConfig.Fedspeed;

/**
 * FedSpeed's identities on one-dimensional quadratics F_i(x) = a_i (x - b_i)² / 2 with local SGD,
 * in double. The numbers are those of the method's description: fixed points in closed form.
 */
class ProxCorrectionTest {
  private static final double ETA = 0.1;
  private static final int STEPS = 10;
  private static final double[] A = {1, 4};
  private static final double[] B = {0, 1};

  /** Rounding of some hundred double operations on numbers near 1. */
  private static final double EXACT = 1e-12;

  /** One worker: a parameter x, its loss a (x - b)² / 2, SGD, and FedSpeed's correction. */
  private static final class Worker {
    final Kernels kernels = new ReferenceKernels();
    final FlatParameters parameters;
    final LocalCorrection correction;
    final double a;
    final double b;

    Worker(double a, double b, BiFunction<Kernels, FlatParameters, LocalCorrection> correction) {
      this.a = a;
      this.b = b;
      ParameterLayout layout = new ParameterLayout.Builder().matrix("x", 1, 1).build();
      this.parameters = FlatParameters.forTraining(layout, kernels::allocate);
      this.correction = correction.apply(kernels, parameters);
    }

    Worker(double a, double b, Fedspeed config) {
      this(a, b, (kernels, parameters) -> new ProxCorrection(kernels, parameters, config));
    }

    /** K steps from {@code start}; returns x after the last one, and leaves what is sent. */
    double round(double start, int steps, double[] quasiGradients) {
      kernels.fill(tensor(Role.VALUE), start);
      correction.begin();
      for (int k = 0; k < steps; k++) {
        double before = value();
        evaluate();
        correction.correct(this::evaluate);
        assertThat(value()).as("the perturbation is undone").isEqualTo(before);
        double pull = gradient();
        if (quasiGradients.length > 0) {
          quasiGradients[k] = pull;
        }
        kernels.addScaled(tensor(Role.VALUE), -ETA, tensor(Role.GRADIENT));
      }
      double last = value();
      correction.finish();
      return last;
    }

    private void evaluate() {
      kernels.fill(tensor(Role.GRADIENT), a * (value() - b));
    }

    double value() {
      return number(tensor(Role.VALUE));
    }

    double gradient() {
      return number(tensor(Role.GRADIENT));
    }

    double dual() {
      return number(correction.dual(0, 1));
    }

    private Tensor tensor(Role role) {
      return parameters.block(role);
    }

    private double number(Tensor tensor) {
      double[] host = new double[1];
      kernels.download(host, 0, tensor);
      return host[0];
    }
  }

  @Test
  void withoutPerturbationTheFixedPointIsTheOptimumAndTheDualsAreTheGradients() {
    Worker[] workers = workers(new Fedspeed(0.5, 0, 0, false));
    double x = rounds(workers, 400);
    assertThat(x).isCloseTo(0.8, within(EXACT)); // Σ a b / Σ a
    assertThat(workers[0].dual()).isCloseTo(0.8, within(EXACT));
    assertThat(workers[1].dual()).isCloseTo(-0.8, within(EXACT));
  }

  @Test
  void plainAveragingIsBiased() {
    Worker[] workers = new Worker[2];
    for (int i = 0; i < 2; i++) {
      workers[i] = new Worker(A[i], B[i], (kernels, parameters) -> LocalCorrection.NONE);
    }
    double c0 = 1 - Math.pow(1 - ETA * A[0], STEPS);
    double c1 = 1 - Math.pow(1 - ETA * A[1], STEPS);
    assertThat(rounds(workers, 400)).isCloseTo(c1 / (c0 + c1), within(EXACT));
    assertThat(c1 / (c0 + c1)).isCloseTo(0.604126, within(5e-7));
  }

  @Test
  void withAPerturbationTheFixedPointIsThatOfTheSteeperQuadratics() {
    double rho = 0.1;
    double a0 = A[0] * (1 + rho * A[0]);
    double a1 = A[1] * (1 + rho * A[1]);
    double x = rounds(workers(new Fedspeed(0.5, rho, 1, false)), 400);
    assertThat(x).isCloseTo(a1 / (a0 + a1), within(EXACT));
    assertThat(x).isCloseTo(0.835821, within(5e-7));
  }

  @Test
  void theDualIsAnExponentialAverageOfTheQuasiGradients() {
    double lambda = 0.5;
    Worker worker = new Worker(3, 0.7, new Fedspeed(lambda, 0.2, 0.6, false));
    worker.round(0.1, STEPS, new double[0]);
    double before = worker.dual();
    double start = 0.3;
    double[] followed = new double[STEPS];
    double last = worker.round(start, STEPS, followed);
    double gamma = 1 - ETA / lambda;
    double expected = Math.pow(gamma, STEPS) * before;
    double x = start;
    for (int k = 0; k < STEPS; k++) {
      // what was followed is the quasi-gradient minus the dual plus the pull to the start
      double quasi = followed[k] + before - (x - start) / lambda;
      expected += ETA / lambda * Math.pow(gamma, STEPS - 1 - k) * quasi;
      double g1 = 3 * (x - 0.7);
      double g2 = 3 * (x + 0.2 * g1 - 0.7);
      assertThat(quasi).isCloseTo(0.4 * g1 + 0.6 * g2, within(EXACT));
      x -= ETA * followed[k];
    }
    assertThat(worker.dual()).isCloseTo(expected, within(EXACT));
    assertThat(worker.value())
        .as("sent: 2 x_K - x_start - λ ĝ")
        .isCloseTo(2 * last - start - lambda * before, within(EXACT));
  }

  @Test
  void withAnInfinitelyWeakPullAndNoPerturbationItsStepsAreLocalSgd() {
    Worker fedspeed = new Worker(4, 1, new Fedspeed(1e300, 0, 0, false));
    Worker plain = new Worker(4, 1, (kernels, parameters) -> LocalCorrection.NONE);
    assertThat(fedspeed.round(0.2, STEPS, new double[0]))
        .isEqualTo(plain.round(0.2, STEPS, new double[0]));
  }

  @Test
  void theNormalisedStepUphillHasLengthRho() {
    double rho = 0.05;
    Worker worker = new Worker(2, 0, new Fedspeed(1e300, rho, 1, true));
    double[] followed = new double[1];
    worker.round(3, 1, followed);
    // gradient at x + ρ · sign, but for the 1e-7 added to the norm of 6
    assertThat(followed[0]).isCloseTo(2 * (3 + rho), within(1.01 * rho * 2 * 1e-7 / 6));
  }

  @Test
  void theOfficialCodesFormGivesTheSameTrajectory() {
    double lambda = 2;
    double rho = 0.1;
    Worker[] workers = workers(new Fedspeed(lambda, rho, 1, true));
    double x = 5;
    double y = 5;
    double[] h = new double[2];
    for (int round = 0; round < 20; round++) {
      double sent = 0;
      double last = 0;
      for (int i = 0; i < 2; i++) {
        workers[i].round(x, STEPS, new double[0]);
        sent += workers[i].value() / 2;
        double z = y;
        for (int k = 0; k < STEPS; k++) {
          double g1 = A[i] * (z - B[i]);
          double g2 = A[i] * (z + rho * g1 / (Math.abs(g1) + 1e-7) - B[i]);
          z -= ETA * (g2 + (z - y + h[i]) / lambda);
        }
        h[i] += z - y;
        last += z / 2;
      }
      x = sent;
      y = last + (h[0] + h[1]) / 2;
      assertThat(x).as("round " + round).isCloseTo(y, within(1e-9)); // 200 steps' rounding
    }
  }

  private static Worker[] workers(Fedspeed config) {
    return new Worker[] {new Worker(A[0], B[0], config), new Worker(A[1], B[1], config)};
  }

  private static double rounds(Worker[] workers, int rounds) {
    double x = 5;
    for (int round = 0; round < rounds; round++) {
      double mean = 0;
      for (Worker worker : workers) {
        worker.round(x, STEPS, new double[0]);
        mean += worker.value() / workers.length;
      }
      x = mean;
    }
    return x;
  }
}
