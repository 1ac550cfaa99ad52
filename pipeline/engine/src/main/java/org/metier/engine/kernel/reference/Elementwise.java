package org.metier.engine.kernel.reference;

import org.metier.engine.kernel.UniformNoise;

/** Copies, sums and norms that do not care for shapes. */
final class Elementwise {
  private Elementwise() {}

  static void copy(View target, View source) {
    target.requireSize("copy target", source.size());
    target.requireDisjoint("copy target", source);
    for (int i = 0; i < source.size(); i++) {
      target.set(i, source.get(i));
    }
  }

  static void addScaled(View target, double factor, View source) {
    target.requireSize("addScaled target", source.size());
    target.requireDisjoint("addScaled target", source);
    for (int i = 0; i < source.size(); i++) {
      target.add(i, factor * source.get(i));
    }
  }

  static void jitter(View out, View x, double epsilon, int seed, boolean add) {
    out.requireSize("jitter out", x.size());
    out.requireDisjoint("jitter out", x);
    for (int i = 0; i < x.size(); i++) {
      double noisy = x.get(i) * UniformNoise.factor(seed, i, epsilon);
      out.set(i, add ? out.get(i) + noisy : noisy);
    }
  }

  static double squaredNorm(View x) {
    double sum = 0;
    for (int i = 0; i < x.size(); i++) {
      sum += x.get(i) * x.get(i);
    }
    return sum;
  }
}
