package org.metier.engine.kernel.nd4j;

import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.MissingBackendException;
import org.metier.engine.kernel.Precision;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * The way to {@link Nd4jKernels} for callers that may run without ND4J on the class path: no type
 * of ND4J is in the signature, and a missing class or native library becomes one clear line.
 */
public final class Nd4jRuntime {
  private Nd4jRuntime() {}

  /**
   * Kernels on the device of the ND4J backend that is on the class path.
   *
   * @param threads of the element-wise ops, for the whole process; at least 1
   * @throws MissingBackendException naming what to add, if there is none or it cannot be loaded
   */
  public static Kernels open(Precision precision, int threads) {
    try {
      return new Nd4jKernels(
          precision == Precision.DOUBLE ? DataType.DOUBLE : DataType.FLOAT, threads);
    } catch (LinkageError | RuntimeException e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      throw new MissingBackendException(
          ("backend nd4j: ND4J cannot be loaded (%s); add org.nd4j:nd4j-native, once plain and once"
                  + " with the platform's classifier (such as linux-x86_64), or a CUDA artifact of"
                  + " ND4J to the class path")
              .formatted(cause),
          e);
    }
  }
}
