package org.metier.train;

import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.Tensor;

/** What an outer optimiser changes in a worker's own steps. */
interface LocalCorrection {

  /** A round starts at the replica's current parameters. */
  void begin();

  /**
   * Corrects the gradient of one step, which is in place.
   *
   * @param again puts the gradient of the same micro-batch at the replica's current parameters into
   *     its place
   */
  void correct(Runnable again);

  /** The round's steps are done: turns the parameters into what the worker sends. */
  void finish();

  /** Elements {@code [from, from + count)} of {@link Block#DUAL}, which the worker keeps. */
  Tensor dual(int from, int count);

  /** The correction that the config's outer optimiser needs. */
  static LocalCorrection of(AveragingConfig config, Kernels kernels, FlatParameters parameters) {
    return switch (config.outer()) {
      case MEAN, DILOCO -> NONE;
      case FEDSPEED -> new ProxCorrection(kernels, parameters, config.fedspeed());
    };
  }

  /** Local training as it is. */
  LocalCorrection NONE =
      new LocalCorrection() {
        @Override
        public void begin() {}

        @Override
        public void correct(Runnable again) {}

        @Override
        public void finish() {}

        @Override
        public Tensor dual(int from, int count) {
          throw new IllegalStateException("plain local training has no dual");
        }
      };
}
