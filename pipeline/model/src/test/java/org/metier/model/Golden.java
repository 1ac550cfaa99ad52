package org.metier.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.checkpoint.Safetensors;
import org.metier.model.optim.AdamW;

/**
 * What Hugging Face Transformers and PyTorch computed for a tiny Qwen3-MoE; {@code
 * golden/generate.py} beside the files says how.
 *
 * @param weights [layout.size()] initial values in the layout's order
 * @param batches one per training step
 * @param losses [T] of the first batch, nats; 0 where there is no target
 * @param logProbabilities [sequenceLength, V] of the first batch's first sequence
 * @param expertTokens [L][E] tokens of the first batch that went to each expert
 * @param gradients [layout.size()] of the first batch's mean loss
 * @param learningRate of every step
 * @param trainingLosses mean loss of each step's batch before its update
 * @param gradientNorms of each step, before clipping
 */
record Golden(
    ModelConfig config,
    float[] weights,
    List<Batch> batches,
    double[] losses,
    double[] logProbabilities,
    int[][] expertTokens,
    double[] gradients,
    AdamW optimizer,
    double learningRate,
    double[] trainingLosses,
    double[] gradientNorms) {

  static Golden read() throws IOException {
    JsonNode json;
    try (InputStream in = open("golden.json")) {
      json = new ObjectMapper().readTree(in);
    }
    ModelConfig config = config(json.get("config"));
    ParameterLayout layout = Parameters.layout(config);
    float[] weights;
    try (InputStream in = open("model.safetensors")) {
      weights = Safetensors.read(in, layout, "model.safetensors");
    }
    List<Batch> batches = new ArrayList<>();
    for (JsonNode batch : json.get("batches")) {
      batches.add(batch(batch, config.sequenceLength()));
    }
    JsonNode o = json.get("optimizer");
    AdamW optimizer =
        new AdamW(
            o.get("beta1").asDouble(),
            o.get("beta2").asDouble(),
            o.get("epsilon").asDouble(),
            o.get("weight_decay").asDouble(),
            o.get("clip_norm").asDouble());
    int[][] expertTokens = new int[config.numLayers()][];
    for (int l = 0; l < expertTokens.length; l++) {
      expertTokens[l] = ints(json.get("expert_tokens").get(l));
    }
    return new Golden(
        config,
        weights,
        batches,
        doubles(json.get("losses")),
        doubles("log_probabilities.f64"),
        expertTokens,
        inLayoutOrder(doubles("gradients.f64"), json.get("gradients"), layout),
        optimizer,
        o.get("learning_rate").asDouble(),
        doubles(json.get("training_losses")),
        doubles(json.get("gradient_norms")));
  }

  private static ModelConfig config(JsonNode c) {
    return new ModelConfig(
        c.get("vocab_size").asInt(),
        c.get("hidden_size").asInt(),
        c.get("num_hidden_layers").asInt(),
        c.get("num_attention_heads").asInt(),
        c.get("num_key_value_heads").asInt(),
        c.get("head_dim").asInt(),
        c.get("num_experts").asInt(),
        c.get("num_experts_per_tok").asInt(),
        c.get("moe_intermediate_size").asInt(),
        c.get("max_position_embeddings").asInt(),
        c.get("norm_topk_prob").asBoolean(),
        c.get("rope_parameters").get("rope_theta").asDouble(),
        c.get("rms_norm_eps").asDouble(),
        1); // initStd: the weights come from the file
  }

  private static Batch batch(JsonNode batch, int length) {
    int[] inputs = ints(batch.get("inputs"));
    return new Batch(
        inputs.length / length,
        length,
        inputs,
        ints(batch.get("targets")),
        ints(batch.get("document_start")));
  }

  private static double[] inLayoutOrder(double[] values, JsonNode names, ParameterLayout layout) {
    double[] ordered = new double[layout.size()];
    int from = 0;
    for (JsonNode name : names) {
      ParameterLayout.Slice slice = layout.slice(name.asText());
      System.arraycopy(values, from, ordered, slice.offset(), slice.size());
      from += slice.size();
    }
    if (from != values.length || from != ordered.length || names.size() != layout.slices().size()) {
      throw new IllegalStateException("gradients.f64 does not hold the layout's parameters");
    }
    return ordered;
  }

  private static double[] doubles(String file) throws IOException {
    try (InputStream in = open(file)) {
      byte[] bytes = in.readAllBytes();
      double[] values = new double[bytes.length / Double.BYTES];
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer().get(values);
      return values;
    }
  }

  private static double[] doubles(JsonNode array) {
    double[] values = new double[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).asDouble();
    }
    return values;
  }

  private static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).asInt();
    }
    return values;
  }

  private static InputStream open(String file) throws IOException {
    InputStream in = Golden.class.getResourceAsStream("/golden/" + file);
    if (in == null) {
      throw new FileNotFoundException("golden/" + file);
    }
    return in;
  }
}
