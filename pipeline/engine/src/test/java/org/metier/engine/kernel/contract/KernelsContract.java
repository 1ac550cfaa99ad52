package org.metier.engine.kernel.contract;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.reference.ReferenceKernels;

/**
 * A new device enters by passing this suite. Extend it in the test tree, say how to open the
 * backend and how exact it is, and run the class; nothing else is needed:
 *
 * <pre>{@code
 * class CpuKernelsTest extends KernelsContract {
 *   protected Kernels kernels() {
 *     return new CpuKernels(2);
 *   }
 *
 *   public double tolerance() {
 *     return 1e-5; // float sums of some hundred terms of order 1, relative to the largest element
 *   }
 * }
 * }</pre>
 *
 * <p>Every op runs on the candidate and on {@link ReferenceKernels} with the same float inputs, on
 * sizes that no vector or tile width divides, from one row to more than a thread would take alone;
 * see {@link Trial} for what is watched beside the values. Identities between ops come on top,
 * since they hold without any reference.
 */
public abstract class KernelsContract
    implements MemoryContract,
        RowContract,
        AttentionContract,
        RouterContract,
        ExpertContract,
        SparseRoutingContract,
        LossContract,
        IdentityContract {
  private Kernels candidate;

  /** Opens a backend; the suite closes it. Called once per test. */
  protected abstract Kernels kernels();

  @Override
  public final Kernels candidate() {
    return candidate;
  }

  @BeforeEach
  void open() {
    candidate = kernels();
  }

  @AfterEach
  void close() {
    candidate.close();
  }
}
