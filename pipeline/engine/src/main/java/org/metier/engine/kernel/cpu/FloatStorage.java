package org.metier.engine.kernel.cpu;

import org.metier.engine.tensor.Storage;
import org.metier.engine.tensor.Tensor;

/** Numbers on the Java heap: what every tensor of {@link CpuKernels} lies in. */
record FloatStorage(float[] values) implements Storage {

  @Override
  public int length() {
    return values.length;
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
