package org.metier.engine.kernel.reference;

import org.metier.engine.kernel.AdamWStep;

/** Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101). */
final class AdamW {
  private AdamW() {}

  static void update(
      View value, View gradient, View firstMoment, View secondMoment, AdamWStep step) {
    gradient.requireSize("adamW gradient", value.size());
    firstMoment.requireSize("adamW firstMoment", value.size());
    secondMoment.requireSize("adamW secondMoment", value.size());
    value.requireDisjoint("adamW value", gradient, firstMoment, secondMoment);
    firstMoment.requireDisjoint("adamW firstMoment", gradient, secondMoment);
    secondMoment.requireDisjoint("adamW secondMoment", gradient);
    for (int i = 0; i < value.size(); i++) {
      double g = step.gradientScale() * gradient.get(i);
      double m = step.beta1() * firstMoment.get(i) + (1 - step.beta1()) * g;
      double v = step.beta2() * secondMoment.get(i) + (1 - step.beta2()) * g * g;
      double adaptive =
          m / step.biasCorrection1() / (Math.sqrt(v / step.biasCorrection2()) + step.epsilon());
      firstMoment.set(i, m);
      secondMoment.set(i, v);
      value.add(i, -step.learningRate() * (adaptive + step.weightDecay() * value.get(i)));
    }
  }
}
