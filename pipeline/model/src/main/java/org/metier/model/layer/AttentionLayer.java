package org.metier.model.layer;

import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.Tensor;
import org.metier.engine.tensor.Workspace;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;

/**
 * The attention half of a decoder block: {@code out = x + Wo · attention(rotate(norm(Wqkv ·
 * norm(x))))}.
 */
public final class AttentionLayer {
  private final Kernels kernels;
  private final ModelConfig config;
  private final Parameter norm;
  private final Parameter qkvWeight;
  private final Parameter queryNorm;
  private final Parameter keyNorm;
  private final Parameter outWeight;
  private final Saved saved;
  private final Gradients gradients;

  /**
   * What forward leaves for backward, per layer.
   *
   * @param normed [T, d]
   * @param inverseRms [T]
   * @param projected [T, qkvWidth] before head norm and rotation
   * @param inverseHeadRms [T, heads + kvHeads]
   * @param qkv [T, qkvWidth] after
   * @param attended [T, queryWidth]
   * @param logSumExp [T, heads]
   */
  public record Saved(
      Tensor normed,
      Tensor inverseRms,
      Tensor projected,
      Tensor inverseHeadRms,
      Tensor qkv,
      Tensor attended,
      Tensor logSumExp) {
    /** Takes the tensors for up to {@code tokens} tokens. */
    public static Saved take(Workspace w, ModelConfig c, int tokens) {
      AttentionShape s = shape(c, 1, 1);
      return new Saved(
          w.take(tokens, c.hiddenSize()),
          w.take(tokens),
          w.take(tokens, s.qkvWidth()),
          w.take(tokens, c.numHeads() + c.numKvHeads()),
          w.take(tokens, s.qkvWidth()),
          w.take(tokens, s.queryWidth()),
          w.take(tokens, c.numHeads()));
    }
  }

  /** Gradients that live within one backward call; all layers share them. */
  public record Gradients(Tensor normed, Tensor projected, Tensor qkv, Tensor attended) {
    /** Takes the tensors for up to {@code tokens} tokens. */
    public static Gradients take(Workspace w, ModelConfig c, int tokens) {
      AttentionShape s = shape(c, 1, 1);
      return new Gradients(
          w.take(tokens, c.hiddenSize()),
          w.take(tokens, s.qkvWidth()),
          w.take(tokens, s.qkvWidth()),
          w.take(tokens, s.queryWidth()));
    }
  }

  public AttentionLayer(
      Kernels kernels,
      ModelConfig config,
      FlatParameters parameters,
      int layer,
      Saved saved,
      Gradients gradients) {
    this.kernels = kernels;
    this.config = config;
    AttentionShape s = shape(config, 1, 1);
    int d = config.hiddenSize();
    this.norm = Parameter.of(parameters, Parameters.layer(layer, "input_layernorm.weight"));
    this.qkvWeight =
        Parameter.span(parameters, Parameters.attention(layer, "q_proj"), s.qkvWidth(), d);
    this.queryNorm = Parameter.of(parameters, Parameters.attention(layer, "q_norm"));
    this.keyNorm = Parameter.of(parameters, Parameters.attention(layer, "k_norm"));
    this.outWeight = Parameter.of(parameters, Parameters.attention(layer, "o_proj"));
    this.saved = saved;
    this.gradients = gradients;
  }

  /** {@code out} [T, d] from {@code x} [T, d]. */
  public void forward(Tensor out, Tensor x, Batch batch) {
    AttentionShape shape = shape(config, batch.sequences(), batch.length());
    Saved s = firstRows(saved, shape.tokens());
    kernels.rmsNorm(s.normed, s.inverseRms, x, norm.value(), config.rmsEpsilon());
    kernels.linear(s.projected, s.normed, qkvWeight.value(), false);
    kernels.headNormRotary(
        s.qkv,
        s.inverseHeadRms,
        s.projected,
        queryNorm.value(),
        keyNorm.value(),
        shape,
        config.ropeTheta(),
        config.rmsEpsilon());
    kernels.attention(s.attended, s.logSumExp, s.qkv, batch.documentStart(), shape);
    kernels.copy(out, x);
    kernels.linear(out, s.attended, outWeight.value(), true);
  }

  /** Turns {@code dX} [T, d] from the gradient of this layer's output into that of its input. */
  public void backward(Tensor dX, Tensor x, Batch batch) {
    AttentionShape shape = shape(config, batch.sequences(), batch.length());
    int tokens = shape.tokens();
    Saved s = firstRows(saved, tokens);
    Tensor dAttended = gradients.attended.firstRows(tokens);
    Tensor dQkv = gradients.qkv.firstRows(tokens);
    Tensor dProjected = gradients.projected.firstRows(tokens);
    Tensor dNormed = gradients.normed.firstRows(tokens);

    kernels.linearWeightGradient(outWeight.gradient(), dX, s.attended);
    kernels.linearInputGradient(dAttended, dX, outWeight.value(), false);
    kernels.attentionBackward(
        dQkv, dAttended, s.attended, s.logSumExp, s.qkv, batch.documentStart(), shape);
    kernels.headNormRotaryBackward(
        dProjected,
        queryNorm.gradient(),
        keyNorm.gradient(),
        dQkv,
        s.inverseHeadRms,
        s.projected,
        queryNorm.value(),
        keyNorm.value(),
        shape,
        config.ropeTheta());
    kernels.linearWeightGradient(qkvWeight.gradient(), dProjected, s.normed);
    kernels.linearInputGradient(dNormed, dProjected, qkvWeight.value(), false);
    kernels.rmsNormBackward(dX, norm.gradient(), dNormed, s.inverseRms, x, norm.value());
  }

  private static AttentionShape shape(ModelConfig c, int sequences, int length) {
    return new AttentionShape(sequences, length, c.numHeads(), c.numKvHeads(), c.headDim());
  }

  private static Saved firstRows(Saved s, int tokens) {
    return new Saved(
        s.normed.firstRows(tokens),
        s.inverseRms.firstRows(tokens),
        s.projected.firstRows(tokens),
        s.inverseHeadRms.firstRows(tokens),
        s.qkv.firstRows(tokens),
        s.attended.firstRows(tokens),
        s.logSumExp.firstRows(tokens));
  }
}
