package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Precision;
import org.metier.engine.tensor.Tensor;
import org.metier.train.EngineConfig.Backend;

class EngineConfigTest {

  @Test
  void opensTheBackendThatItNames() {
    try (Kernels cpu = new EngineConfig(Backend.CPU, Precision.FLOAT).open(2);
        Kernels reference = new EngineConfig(Backend.REFERENCE, Precision.DOUBLE).open(2)) {
      assertThat(cpu.name()).isEqualTo("cpu");
      assertThat(reference.name()).isEqualTo("reference");
    }
  }

  /** The test's class path has ND4J, for dl4j-spark's reducer. */
  @Test
  void nd4jIsOpenedInItsPrecision() {
    float third = 1f / 3;
    for (Precision precision : Precision.values()) {
      try (Kernels nd4j = new EngineConfig(Backend.ND4J, precision).open(1)) {
        assertThat(nd4j.name()).isEqualTo("nd4j");
        Tensor one = new Tensor(nd4j.allocate(1), 0, 1);
        nd4j.upload(one, new double[] {1.0 / 3}, 0);
        double[] kept = new double[1];
        nd4j.download(kept, 0, one);
        assertThat(kept[0]).isEqualTo(precision == Precision.DOUBLE ? 1.0 / 3 : third);
      }
    }
  }

  @Test
  void aPrecisionThatTheBackendLacksIsRefused() {
    assertThatThrownBy(() -> new EngineConfig(Backend.CPU, Precision.DOUBLE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("precision must be float with engine.backend=cpu, is double");
    assertThatThrownBy(() -> new EngineConfig(Backend.REFERENCE, Precision.FLOAT))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("backend reference computes in double only: it needs engine.precision=double");
  }
}
