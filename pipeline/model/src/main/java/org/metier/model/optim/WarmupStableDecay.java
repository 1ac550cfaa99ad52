package org.metier.model.optim;

/**
 * Learning rate over a run: linear up to the peak, level, then down (WSD: Hu et al., MiniCPM, arXiv
 * 2404.06395; share and shapes of the decay: Hägele et al., arXiv 2405.18392). What is trained in
 * the level stage does not depend on the run's length, so that a run may be made longer from a
 * checkpoint before its decay.
 *
 * @param peak highest learning rate
 * @param warmupSteps optimiser steps of the rise
 * @param totalSteps optimiser steps of the run
 * @param decayShare share of all steps that the decay takes, at the end; 0 stays at the peak
 * @param shape of the decay
 * @param finalShare learning rate at the end of the decay as a share of the peak
 */
public record WarmupStableDecay(
    double peak,
    long warmupSteps,
    long totalSteps,
    double decayShare,
    Shape shape,
    double finalShare)
    implements LearningRateSchedule {

  /** How the decay falls from 1 to 0 while p goes from 0 to 1. */
  public enum Shape {
    /** 1 - p. */
    LINEAR,
    /** (1 + cos πp) / 2. */
    COSINE,
    /** 1 - √p: fast at first; the best of those compared in arXiv 2405.18392. */
    SQRT;

    double at(double p) {
      return switch (this) {
        case LINEAR -> 1 - p;
        case COSINE -> 0.5 * (1 + Math.cos(Math.PI * p));
        case SQRT -> 1 - Math.sqrt(p);
      };
    }
  }

  /** First step of the decay; the rise is never cut short. */
  long decayBegin() {
    return Math.max(warmupSteps, totalSteps - Math.round(decayShare * totalSteps));
  }

  @Override
  public double at(long step) {
    if (step < warmupSteps) {
      return peak * (step + 1) / warmupSteps;
    }
    long begin = decayBegin();
    if (decayShare == 0 || step < begin) {
      return peak;
    }
    double p = Math.min(1.0, (double) (step - begin) / Math.max(1, totalSteps - begin));
    return peak * (finalShare + (1 - finalShare) * shape.at(p));
  }
}
