package org.metier.engine.kernel.cpu;

/** Memory that an op needs while it runs: one growing array per worker, kept between calls. */
final class Scratch {
  private final float[][] arrays;

  Scratch(Team team) {
    arrays = new float[team.size()][0];
  }

  /**
   * At least {@code length} elements for {@code worker}, and what netlib wants after them; their
   * content is undefined.
   */
  float[] of(int worker, int length) {
    int enough = Math.addExact(length, FloatStorage.SLACK);
    if (arrays[worker].length < enough) {
      arrays[worker] = new float[enough];
    }
    return arrays[worker];
  }

  /** The same for what all workers share. */
  float[] shared(int length) {
    return of(0, length);
  }
}
