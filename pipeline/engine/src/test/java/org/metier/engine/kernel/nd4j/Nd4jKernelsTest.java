package org.metier.engine.kernel.nd4j;

import org.junit.jupiter.api.Nested;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.contract.KernelsContract;
import org.nd4j.linalg.api.buffer.DataType;

/** The contract in both precisions. */
class Nd4jKernelsTest {

  @Nested
  class InDouble extends KernelsContract {
    @Override
    protected Kernels kernels() {
      return new Nd4jKernels(DataType.DOUBLE, 2);
    }

    /** What the project asks for; 1e-16 per term leaves room for six digits of cancellation. */
    @Override
    public double tolerance() {
      return 1e-10;
    }
  }

  @Nested
  class InFloat extends KernelsContract {
    @Override
    protected Kernels kernels() {
      return new Nd4jKernels(DataType.FLOAT, 1);
    }

    /** Sums of some hundred float terms, each rounded to 2^-24 = 6e-8 of the running sum. */
    @Override
    public double tolerance() {
      return 1e-5;
    }
  }
}
