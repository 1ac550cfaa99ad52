package org.metier.model;

import java.util.Random;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.engine.tensor.Tensor;

/**
 * Names, shapes and order of the model's parameters. Names and per-parameter layouts are those of
 * Hugging Face's Qwen3-MoE, so that checkpoints can be exchanged; the order puts what one GEMM
 * reads side by side: q, k, v of a layer, and gate and up of each expert.
 */
public final class Parameters {
  public static final String EMBEDDING = "model.embed_tokens.weight";
  public static final String HEAD = "lm_head.weight";
  public static final String FINAL_NORM = "model.norm.weight";

  private Parameters() {}

  /** Where everything lies. */
  public static ParameterLayout layout(ModelConfig c) {
    var layout = new ParameterLayout.Builder();
    int d = c.hiddenSize();
    layout.matrix(EMBEDDING, c.vocabSize(), d).matrix(HEAD, c.vocabSize(), d);
    for (int l = 0; l < c.numLayers(); l++) {
      layout.matrix(attention(l, "q_proj"), c.numHeads() * c.headDim(), d);
      layout.matrix(attention(l, "k_proj"), c.numKvHeads() * c.headDim(), d);
      layout.matrix(attention(l, "v_proj"), c.numKvHeads() * c.headDim(), d);
      layout.matrix(attention(l, "o_proj"), d, c.numHeads() * c.headDim());
      layout.matrix(router(l), c.routerColumns(), d);
      for (int e = 0; e < c.numExperts(); e++) {
        layout.matrix(expert(l, e, "gate_proj"), c.expertWidth(e), d);
        layout.matrix(expert(l, e, "up_proj"), c.expertWidth(e), d);
      }
      for (int e = 0; e < c.numExperts(); e++) {
        layout.matrix(expert(l, e, "down_proj"), d, c.expertWidth(e));
      }
      layout.scale(layer(l, "input_layernorm.weight"), d);
      layout.scale(attention(l, "q_norm"), c.headDim());
      layout.scale(attention(l, "k_norm"), c.headDim());
      layout.scale(layer(l, "post_attention_layernorm.weight"), d);
    }
    return layout.scale(FINAL_NORM, d).build();
  }

  /**
   * Initial values: norms 1, matrices normal with standard deviation {@code initStd}. Each
   * parameter draws from its own generator, seeded by the seed and its name; {@link Random}'s
   * algorithm is fixed by its specification, so the bits are the same on every JDK.
   */
  public static void initialize(
      FlatParameters parameters, ModelConfig c, Kernels kernels, long seed) {
    for (ParameterLayout.Slice slice : parameters.layout().slices()) {
      Tensor value = parameters.slice(Role.VALUE, slice.name());
      if (slice.shape().length == 1) {
        kernels.fill(value, 1.0);
        continue;
      }
      Random random = new Random(seed * 0x9E3779B97F4A7C15L + slice.name().hashCode());
      float[] draws = new float[slice.size()];
      for (int i = 0; i < draws.length; i++) {
        draws[i] = (float) (c.initStd() * random.nextGaussian());
      }
      kernels.upload(value, draws, 0);
    }
  }

  /** All parameters. */
  public static long total(ModelConfig c) {
    return layout(c).size();
  }

  /**
   * Parameters that one token's forward pass touches, the embedding table left out; with null
   * experts or experts of several widths on average over the tokens of a balanced router, before
   * any capacity.
   */
  public static long active(ModelConfig c) {
    long ofExperts = 0; // of one layer
    for (int e = 0; e < c.numExperts(); e++) {
      ofExperts += 3L * c.hiddenSize() * c.expertWidth(e);
    }
    long touched = Math.round(c.numLayers() * ofExperts * c.expertsPerToken() / c.numExperts());
    return total(c) - c.numLayers() * ofExperts + touched - (long) c.vocabSize() * c.hiddenSize();
  }

  /** {@code model.layers.L.NAME}. */
  public static String layer(int layer, String name) {
    return "model.layers." + layer + "." + name;
  }

  /** {@code model.layers.L.self_attn.NAME.weight}. */
  public static String attention(int layer, String name) {
    return layer(layer, "self_attn." + name + ".weight");
  }

  /** {@code model.layers.L.mlp.gate.weight}. */
  public static String router(int layer) {
    return layer(layer, "mlp.gate.weight");
  }

  /** {@code model.layers.L.mlp.experts.E.NAME.weight}. */
  public static String expert(int layer, int expert, String name) {
    return layer(layer, "mlp.experts." + expert + "." + name + ".weight");
  }
}
