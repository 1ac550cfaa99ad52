package org.metier.train;

import java.io.Serializable;
import org.metier.engine.kernel.Device;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Precision;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.kernel.nd4j.Nd4jRuntime;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.model.ActivationPolicy;

/**
 * The {@code engine} section of a run: which kernels compute, and how exactly. Training, evaluation
 * and the benchmark take theirs from here. What is kept and exchanged is float whatever the
 * precision, so a run may go on with another engine.
 *
 * @param backend {@code cpu} (fast), {@code nd4j} (any device that ND4J knows) or {@code reference}
 *     (naive)
 * @param precision of storage and arithmetic; {@code cpu} has float only, {@code reference} double
 *     only, {@code nd4j} both
 * @param activations {@code keep} (fastest) or {@code recompute} (least memory, the same bits)
 * @param gpusPerTask GPUs that a task which computes asks of Spark by a stage-level profile: 1, or
 *     a share up to 0.5 of one; 0 leaves it to {@code spark.task.resource.gpu.amount}
 */
public record EngineConfig(
    Backend backend, Precision precision, ActivationPolicy activations, double gpusPerTask)
    implements Serializable {

  /** Where the kernels come from. */
  public enum Backend {
    CPU,
    ND4J,
    REFERENCE
  }

  public EngineConfig {
    if (backend == Backend.CPU && precision == Precision.DOUBLE) {
      throw new IllegalArgumentException(
          "precision must be float with engine.backend=cpu, is double");
    }
    if (backend == Backend.REFERENCE && precision == Precision.FLOAT) {
      throw new IllegalArgumentException(
          "backend reference computes in double only: it needs engine.precision=double");
    }
    if (!(gpusPerTask >= 0 && gpusPerTask <= 0.5) && gpusPerTask != 1) {
      throw new IllegalArgumentException(
          "gpusPerTask must be 0, a share up to 0.5, or 1, is " + gpusPerTask);
    }
  }

  /** An engine that keeps all activations and asks for no GPU. */
  public EngineConfig(Backend backend, Precision precision) {
    this(backend, precision, ActivationPolicy.KEEP, 0);
  }

  /**
   * Kernels of one replica; the caller closes them.
   *
   * @param threads that share the work; {@code reference} has always one
   * @throws org.metier.engine.kernel.MissingBackendException in one line, if the backend is {@code
   *     nd4j} and ND4J is missing
   */
  Kernels open(int threads) {
    return switch (backend) {
      case CPU -> new CpuKernels(threads);
      case ND4J -> Nd4jRuntime.open(precision, threads);
      case REFERENCE -> new ReferenceKernels();
    };
  }

  /**
   * Points the calling thread at the device of its task. To be called before {@link #open}, and by
   * every other thread that goes on with those kernels.
   *
   * @throws org.metier.engine.kernel.MissingBackendException in one line, if there is no such GPU
   */
  void use(Device device) {
    if (backend == Backend.ND4J) {
      Nd4jRuntime.use(device);
    }
  }
}
