package org.metier.engine.kernel.nd4j;

import org.metier.engine.kernel.Device;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.MissingBackendException;
import org.metier.engine.kernel.Precision;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.ops.executioner.OpExecutioner.ExecutionerType;
import org.nd4j.linalg.factory.Nd4j;

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
      throw missing(e);
    }
  }

  /**
   * Points the calling thread at a device: ND4J allocates and computes where its thread points. To
   * be called by every thread that uses kernels of {@link #open}, before it does. On nd4j-native
   * there is nothing to choose.
   *
   * @throws MissingBackendException if ND4J has no such GPU, or cannot be loaded
   */
  public static void use(Device device) {
    if (device.gpu().isEmpty()) {
      return;
    }
    try {
      if (Nd4j.getExecutioner().type() == ExecutionerType.CUDA) {
        AffinityManager devices = Nd4j.getAffinityManager();
        devices.unsafeSetDevice(number(device.gpu().get(), devices.getNumberOfDevices()));
      }
    } catch (MissingBackendException e) {
      throw e;
    } catch (LinkageError | RuntimeException e) {
      throw missing(e);
    }
  }

  /** CUDA's number of the GPU with this address. */
  static int number(String address, int devices) {
    if (!address.matches("\\d{1,9}")) {
      throw new MissingBackendException(
          "backend nd4j: the GPU address '%s' is not a number, which is what ND4J knows GPUs by"
              .formatted(address));
    }
    int number = Integer.parseInt(address);
    if (number >= devices) {
      throw new MissingBackendException(
          "backend nd4j: the task was given GPU %d, ND4J sees %d (CUDA_VISIBLE_DEVICES hides some?)"
              .formatted(number, devices));
    }
    return number;
  }

  private static MissingBackendException missing(Throwable thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return new MissingBackendException(
        ("backend nd4j: ND4J cannot be loaded (%s); add org.nd4j:nd4j-native, once plain and once"
                + " with the platform's classifier (such as linux-x86_64), or a CUDA artifact of"
                + " ND4J to the class path")
            .formatted(cause),
        thrown);
  }
}
