package org.metier.train;

import java.io.Serializable;
import java.util.List;
import org.metier.model.ParameterKind;
import org.metier.model.optim.LearningRateSchedule;
import org.metier.model.optim.WarmupCosine;
import org.metier.model.optim.WarmupStableDecay;

/**
 * AdamW and its schedule.
 *
 * @param learningRate peak
 * @param warmupSteps optimiser steps of linear warm-up
 * @param finalShare last learning rate as a share of the peak (cosine, wsd)
 * @param weightDecay of the kinds that {@code decayed} names
 * @param clipNorm largest global gradient norm; 0 switches clipping off
 * @param moments policy at the end of a round
 * @param schedule after the warm-up
 * @param decayShare share of the run's steps that the decay takes (wsd)
 * @param decayShape of the decay (wsd)
 * @param decayed kinds of parameters that weight decay applies to
 */
public record OptimizerConfig(
    double learningRate,
    int warmupSteps,
    double finalShare,
    double beta1,
    double beta2,
    double epsilon,
    double weightDecay,
    double clipNorm,
    TrainConfig.Moments moments,
    TrainConfig.Schedule schedule,
    double decayShare,
    WarmupStableDecay.Shape decayShape,
    List<ParameterKind> decayed)
    implements Serializable {
  public OptimizerConfig {
    decayed = List.copyOf(decayed);
    TrainConfig.require(learningRate > 0, "learningRate must be positive, is %s", learningRate);
    TrainConfig.require(warmupSteps >= 0, "warmupSteps must not be negative, is %s", warmupSteps);
    TrainConfig.require(
        finalShare >= 0 && finalShare <= 1,
        "finalShare must lie between 0 and 1, is %s",
        finalShare);
    TrainConfig.require(beta1 >= 0 && beta1 < 1, "beta1 must lie in [0, 1), is %s", beta1);
    TrainConfig.require(beta2 >= 0 && beta2 < 1, "beta2 must lie in [0, 1), is %s", beta2);
    TrainConfig.require(epsilon > 0, "epsilon must be positive, is %s", epsilon);
    TrainConfig.require(weightDecay >= 0, "weightDecay must not be negative, is %s", weightDecay);
    TrainConfig.require(clipNorm >= 0, "clipNorm must not be negative, is %s", clipNorm);
    TrainConfig.require(
        decayShare > 0 && decayShare <= 1,
        "decayShare must be above 0 and at most 1, is %s",
        decayShare);
  }

  /** True if weight decay applies to the parameter of this name. */
  boolean decays(String parameter) {
    return decayed.contains(ParameterKind.of(parameter));
  }

  /** Learning rate over a run of so many optimiser steps. */
  LearningRateSchedule over(long steps) {
    return switch (schedule) {
      case COSINE -> new WarmupCosine(learningRate, warmupSteps, steps, finalShare);
      case WSD ->
          new WarmupStableDecay(
              learningRate, warmupSteps, steps, decayShare, decayShape, finalShare);
      case CONSTANT ->
          new WarmupStableDecay(learningRate, warmupSteps, steps, 0, decayShape, finalShare);
    };
  }
}
