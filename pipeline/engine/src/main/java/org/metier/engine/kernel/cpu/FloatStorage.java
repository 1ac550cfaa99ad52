package org.metier.engine.kernel.cpu;

import org.metier.engine.tensor.Storage;
import org.metier.engine.tensor.Tensor;

/**
 * Numbers on the Java heap: what every tensor of {@link CpuKernels} lies in.
 *
 * @param values the numbers, and {@link #SLACK} that nobody reads
 */
record FloatStorage(float[] values, int length) implements Storage {
  /**
   * Netlib wants the last row of a matrix to be as long as the distance between two rows, which a
   * block of columns at the end of an array is not. Rows of up to this length pass its check.
   */
  static final int SLACK = 1 << 16;

  static FloatStorage allocate(int length) {
    return new FloatStorage(new float[Math.addExact(length, SLACK)], length);
  }

  /** The array behind a tensor; its elements start at {@link Tensor#offset()}. */
  static float[] of(Tensor tensor) {
    if (tensor.storage() instanceof FloatStorage storage) {
      return storage.values;
    }
    throw new IllegalArgumentException(
        tensor + " was not allocated by the cpu kernels but lies in " + tensor.storage());
  }
}
