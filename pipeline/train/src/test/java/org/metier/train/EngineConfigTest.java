package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Precision;
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

  /** This module has no ND4J on its class path, as an executor may have none. */
  @Test
  void nd4jIsOpenedInItsPrecisionOrSaysWhatToAdd() {
    for (Precision precision : Precision.values()) {
      EngineConfig nd4j = new EngineConfig(Backend.ND4J, precision);
      assertThatThrownBy(() -> nd4j.open(1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith("backend nd4j: ")
          .hasMessageContaining("add org.nd4j:nd4j-native");
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

  @Test
  void checkpointsThatNameTheirBackendUnderTrainCanStillBeRead() throws JsonProcessingException {
    TrainConfig config = TrainFixture.train("data", 2, 3, 4, TrainConfig.Window.ROUND);
    ObjectNode json = RunDirectory.JSON.valueToTree(config);
    json.put("backend", "CPU");
    assertThat(RunDirectory.JSON.treeToValue(json, TrainConfig.class)).isEqualTo(config);
  }
}
