package org.metier.model.checkpoint;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;
import org.metier.engine.kernel.RouterScoring;
import org.metier.model.ModelConfig;

/** The {@code config.json} with which Hugging Face's Qwen3-MoE loads a checkpoint of ours. */
public final class HuggingFaceConfig {
  private HuggingFaceConfig() {}

  /** The same model in that library's words. */
  public static ObjectNode of(ModelConfig c) {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.putArray("architectures").add("Qwen3MoeForCausalLM");
    json.put("model_type", "qwen3_moe");
    json.put("vocab_size", c.vocabSize());
    json.put("hidden_size", c.hiddenSize());
    json.put("num_hidden_layers", c.numLayers());
    json.put("num_attention_heads", c.numHeads());
    json.put("num_key_value_heads", c.numKvHeads());
    json.put("head_dim", c.headDim());
    json.put("num_experts", c.numExperts());
    json.put("num_experts_per_tok", c.topK());
    json.put("moe_intermediate_size", c.expertSize());
    // Only MoE layers are used; the dense width is never read but must be there.
    json.put("intermediate_size", c.expertSize());
    json.put("decoder_sparse_step", 1);
    json.putArray("mlp_only_layers");
    json.put("norm_topk_prob", c.normalizeGates());
    if (c.router().activation() == RouterScoring.Activation.SIGMOID) {
      json.put("scoring_func", "sigmoid"); // DeepSeek-V3's word; Qwen3-MoE has softmax only
    }
    json.put("max_position_embeddings", c.sequenceLength());
    json.put("rope_theta", c.ropeTheta());
    json.put("rms_norm_eps", c.rmsEpsilon());
    json.put("initializer_range", c.initStd());
    json.put("hidden_act", "silu");
    json.put("attention_bias", false);
    json.put("attention_dropout", 0.0);
    json.put("tie_word_embeddings", false);
    json.put("use_sliding_window", false);
    json.put("torch_dtype", "float32");
    ourOwn(json, c);
    return json;
  }

  /**
   * What Qwen3-MoE has no words for. With null experts ({@code mlp.gate.weight} is [n + m, d]) or
   * experts of several widths that library refuses the shapes; a capacity it would not know of.
   */
  private static void ourOwn(ObjectNode json, ModelConfig c) {
    if (c.nullExperts() > 0) {
      json.put("num_null_experts", c.nullExperts());
    }
    if (c.capacity().limited()) {
      json.put("expert_capacity_factor", c.capacityFactor());
      json.put("expert_drop_policy", c.dropPolicy().name().toLowerCase(Locale.ROOT));
    }
    if (!c.expertWidths().isEmpty()) {
      c.expertWidths().forEach(json.putArray("moe_intermediate_sizes")::add);
    }
  }
}
