package org.metier.model.optim;

/** Learning rate over a run. */
public sealed interface LearningRateSchedule permits WarmupCosine, WarmupStableDecay {

  /** Learning rate of one optimiser step, counted from 0. */
  double at(long step);
}
