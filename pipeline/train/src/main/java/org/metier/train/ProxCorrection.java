package org.metier.train;

import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.Storage;
import org.metier.engine.tensor.Tensor;

/**
 * The workers' part of FedSpeed (Sun et al., arXiv 2302.10429). A step does not follow the gradient
 * g₁ of its micro-batch but
 *
 * <pre>
 * (1 - α) g₁ + α g₂ - ĝ + (x - x_start) / λ        g₂: gradient at x + ρ g₁ / |g₁|, same micro-batch
 * </pre>
 *
 * and after the round's steps
 *
 * <pre>
 * ĝ ← ĝ - (x - x_start) / λ        sent: x - λ ĝ
 * </pre>
 *
 * The pull to the start alone would bias the result; the dual ĝ, which each worker keeps, takes the
 * bias out: where ĝ is the worker's own gradient, its steps stand still and the mean of all ĝ is
 * zero. This holds for any local optimiser that stands still at a zero gradient, so also for the
 * AdamW that follows here (the paper's is SGD).
 */
final class ProxCorrection implements LocalCorrection {
  /** Of the official code: keeps a zero gradient from dividing by zero. */
  private static final double NORM_EPSILON = 1e-7;

  private final Kernels kernels;
  private final AveragingConfig.Fedspeed config;
  private final Tensor value;
  private final Tensor gradient;
  private final Tensor start;
  private final Storage duals;
  private final Tensor dual;
  private final Tensor point;
  private final Tensor mixed;

  ProxCorrection(Kernels kernels, FlatParameters parameters, AveragingConfig.Fedspeed config) {
    this.kernels = kernels;
    this.config = config;
    this.value = parameters.block(Role.VALUE);
    this.gradient = parameters.block(Role.GRADIENT);
    int size = parameters.layout().size();
    this.start = new Tensor(kernels.allocate(size), 0, size);
    this.duals = kernels.allocate(size);
    this.dual = new Tensor(duals, 0, size);
    this.point = new Tensor(kernels.allocate(size), 0, size);
    this.mixed = new Tensor(kernels.allocate(size), 0, size);
  }

  /** ĝ, to be set before {@link #begin} and read after {@link #finish}. */
  @Override
  public Tensor dual(int from, int count) {
    return new Tensor(duals, from, count);
  }

  @Override
  public void begin() {
    kernels.copy(start, value);
  }

  @Override
  public void correct(Runnable again) {
    if (config.perturbs()) {
      mixTwoGradients(again);
    }
    kernels.addScaled(gradient, -1, dual);
    kernels.addScaled(gradient, 1 / config.lambda(), displacement());
  }

  /** gradient ← (1 - α) g₁ + α g₂; the parameters are back, bit for bit, afterwards. */
  private void mixTwoGradients(Runnable again) {
    double alpha = config.alpha();
    double norm = config.normalize() ? Math.sqrt(kernels.squaredNorm(gradient)) + NORM_EPSILON : 1;
    kernels.fill(mixed, 0);
    kernels.addScaled(mixed, 1 - alpha, gradient);
    kernels.copy(point, value);
    kernels.addScaled(value, config.rho() / norm, gradient);
    again.run();
    kernels.copy(value, point);
    kernels.addScaled(mixed, alpha, gradient);
    kernels.copy(gradient, mixed);
  }

  @Override
  public void finish() {
    kernels.addScaled(dual, -1 / config.lambda(), displacement());
    kernels.addScaled(value, -config.lambda(), dual);
  }

  /** x - x_start, subtracted before it is scaled, so that close numbers cancel exactly. */
  private Tensor displacement() {
    kernels.copy(mixed, value);
    kernels.addScaled(mixed, -1, start);
    return mixed;
  }
}
