package org.metier.engine.kernel.reference;

import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.contract.KernelsContract;

/** Keeps the suite running; of the reference it proves the identities and the bookkeeping. */
class ReferenceKernelsTest extends KernelsContract {
  @Override
  protected Kernels kernels() {
    return new ReferenceKernels();
  }

  /** For the identities: double sums of some ten terms in another order. */
  @Override
  public double tolerance() {
    return 1e-13;
  }
}
