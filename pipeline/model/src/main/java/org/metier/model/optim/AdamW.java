package org.metier.model.optim;

import java.util.List;
import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.FlatParameters.Role;

/**
 * AdamW (arXiv 1711.05101) with clipping by global norm, over flat parameters.
 *
 * @param clipNorm largest norm of the whole gradient; 0 means no clipping
 * @param weightDecay of those parameters that decay
 */
public record AdamW(
    double beta1, double beta2, double epsilon, double weightDecay, double clipNorm) {

  /** One update, in which matrices decay and scales do not. */
  public double step(
      Kernels kernels, FlatParameters parameters, double learningRate, long stepsOfMoments) {
    int decayed = parameters.layout().decayedSize();
    int rest = parameters.layout().size() - decayed;
    List<DecayRange> ranges =
        List.of(new DecayRange(0, decayed, true), new DecayRange(decayed, rest, false));
    return step(kernels, parameters, ranges, learningRate, stepsOfMoments);
  }

  /**
   * One update.
   *
   * @param ranges say which parameters decay, and cover them all
   * @param stepsOfMoments updates that the moments have seen, this one included; at least 1
   * @return norm of the gradient before clipping; not finite if the gradient is not, and then
   *     nothing was updated
   */
  public double step(
      Kernels kernels,
      FlatParameters parameters,
      List<DecayRange> ranges,
      double learningRate,
      long stepsOfMoments) {
    double norm = Math.sqrt(kernels.squaredNorm(parameters.block(Role.GRADIENT)));
    if (!Double.isFinite(norm)) {
      return norm;
    }
    double scale = clipNorm > 0 && norm > clipNorm ? clipNorm / norm : 1.0;
    AdamWStep withDecay =
        new AdamWStep(
            learningRate,
            beta1,
            beta2,
            epsilon,
            weightDecay,
            1 - Math.pow(beta1, stepsOfMoments),
            1 - Math.pow(beta2, stepsOfMoments),
            scale);
    AdamWStep withoutDecay = withoutDecay(withDecay);
    for (DecayRange range : ranges) {
      AdamWStep step = range.decayed() ? withDecay : withoutDecay;
      update(kernels, parameters, range.from(), range.count(), step);
    }
    return norm;
  }

  private static void update(
      Kernels kernels, FlatParameters parameters, int from, int count, AdamWStep step) {
    kernels.adamW(
        parameters.block(Role.VALUE, from, count),
        parameters.block(Role.GRADIENT, from, count),
        parameters.block(Role.FIRST_MOMENT, from, count),
        parameters.block(Role.SECOND_MOMENT, from, count),
        step);
  }

  private static AdamWStep withoutDecay(AdamWStep s) {
    return new AdamWStep(
        s.learningRate(),
        s.beta1(),
        s.beta2(),
        s.epsilon(),
        0,
        s.biasCorrection1(),
        s.biasCorrection2(),
        s.gradientScale());
  }
}
