package org.metier.model.optim;

/**
 * Learning rate over a run: linear up to the peak, then half a cosine down.
 *
 * @param peak highest learning rate
 * @param warmupSteps optimiser steps of the rise
 * @param totalSteps optimiser steps of the run
 * @param finalShare last learning rate as a share of the peak
 */
public record WarmupCosine(double peak, long warmupSteps, long totalSteps, double finalShare)
    implements LearningRateSchedule {

  @Override
  public double at(long step) {
    if (step < warmupSteps) {
      return peak * (step + 1) / warmupSteps;
    }
    double span = Math.max(1, totalSteps - warmupSteps);
    double progress = Math.min(1.0, (step - warmupSteps) / span);
    double cosine = 0.5 * (1 + Math.cos(Math.PI * progress));
    return peak * (finalShare + (1 - finalShare) * cosine);
  }
}
