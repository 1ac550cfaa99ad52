package org.metier.model.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.DropPolicy;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.TinyModel;

/** The model in the words of Qwen3-MoE, and in our own where it has none. */
class HuggingFaceConfigTest {

  @Test
  void aUsualModelHasNoKeyOfOurs() {
    ObjectNode json = HuggingFaceConfig.of(TinyModel.config());
    assertThat(json.fieldNames())
        .toIterable()
        .contains("num_experts", "num_experts_per_tok", "moe_intermediate_size")
        .doesNotContain("num_null_experts", "expert_capacity_factor", "moe_intermediate_sizes");
  }

  @Test
  void nullsCapacityAndWidthsAreSaid() {
    ModelConfig model = TinyModel.config(4, 3, 1.25, DropPolicy.POSITION, 4, 4, 4, 9, 9);
    ObjectNode json = HuggingFaceConfig.of(model);
    assertThat(json.get("num_experts").asInt()).isEqualTo(5);
    assertThat(json.get("num_null_experts").asInt()).isEqualTo(3);
    assertThat(json.get("expert_capacity_factor").asDouble()).isEqualTo(1.25);
    assertThat(json.get("expert_drop_policy").asText()).isEqualTo("position");
    assertThat(json.get("moe_intermediate_sizes").toString()).isEqualTo("[4,4,4,9,9]");
  }

  /** Weights under one number of nulls do not load under another. */
  @Test
  void theRouterOfAnotherNumberOfNullsIsRefusedByName() throws IOException {
    ParameterLayout three = Parameters.layout(TinyModel.config(2, 3, 0, DropPolicy.POSITION));
    ParameterLayout none = Parameters.layout(TinyModel.config());
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    Safetensors.write(file, three, new float[three.size()]);
    ByteArrayInputStream in = new ByteArrayInputStream(file.toByteArray());
    assertThatThrownBy(() -> Safetensors.read(in, none, "model.safetensors"))
        .isInstanceOf(CorruptCheckpointException.class)
        .hasMessageContaining("model.safetensors")
        .hasMessageContaining("mlp.gate.weight")
        .hasMessageContaining("F32 [8,6], the model's is F32 [5, 6]");
  }
}
