package org.metier.engine.kernel.cpu;

import org.junit.jupiter.api.Nested;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.contract.KernelsContract;

/** The contract, on one thread and two, and with each native part replaced by its stand-in. */
class CpuKernelsTest {

  abstract static class FloatContract extends KernelsContract {
    /** Sums of some hundred float terms, each rounded to 2^-24 = 6e-8 of the running sum. */
    @Override
    public double tolerance() {
      return 1e-5;
    }
  }

  @Nested
  class OneThread extends FloatContract {
    @Override
    protected Kernels kernels() {
      return new CpuKernels(1);
    }
  }

  @Nested
  class TwoThreads extends FloatContract {
    @Override
    protected Kernels kernels() {
      return new CpuKernels(2);
    }
  }

  @Nested
  class WithoutVectorApi extends FloatContract {
    @Override
    protected Kernels kernels() {
      return new CpuKernels(2, Blas.best(), new ScalarRows());
    }
  }

  @Nested
  class WithoutNativeBlas extends FloatContract {
    @Override
    protected Kernels kernels() {
      return new CpuKernels(2, Blas.java(), Rows.best());
    }
  }
}
