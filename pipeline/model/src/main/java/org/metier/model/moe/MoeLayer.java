package org.metier.model.moe;

import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.Tensor;
import org.metier.engine.tensor.Workspace;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.layer.Parameter;

/**
 * The mixture-of-experts half of a decoder block: {@code out = x + Σ_j gate_j · expert_j(norm(x))}
 * over the k experts that the router chose. Dropless: every chosen expert computes every token that
 * was sent to it.
 */
public final class MoeLayer {
  private final Kernels kernels;
  private final ModelConfig config;
  private final Parameter norm;
  private final Parameter router;
  private final Parameter gateUp;
  private final Parameter down;
  private final Saved saved;
  private final Scratch scratch;
  private final Routing routing;
  private final double[] selectionBias;

  /**
   * What forward leaves for backward, per layer.
   *
   * @param normed [T, d]
   * @param inverseRms [T]
   * @param logits [T, E]
   * @param probabilities [T, E]
   * @param gates [T, k]
   * @param gateUp [R, 2f] with R = T·k
   */
  public record Saved(
      Tensor normed,
      Tensor inverseRms,
      Tensor logits,
      Tensor probabilities,
      Tensor gates,
      Tensor gateUp) {
    /** Takes the tensors for up to {@code tokens} tokens. */
    public static Saved take(Workspace w, ModelConfig c, int tokens) {
      int rows = Math.multiplyExact(tokens, c.topK());
      return new Saved(
          w.take(tokens, c.hiddenSize()),
          w.take(tokens),
          w.take(tokens, c.numExperts()),
          w.take(tokens, c.numExperts()),
          w.take(tokens, c.topK()),
          w.take(rows, 2 * c.expertSize()));
    }

    /** The same memory but for what the router leaves, which statistics read after the pass. */
    public Saved withOwnRouter(Workspace w, ModelConfig c, int tokens) {
      return new Saved(
          normed,
          inverseRms,
          w.take(tokens, c.numExperts()),
          w.take(tokens, c.numExperts()),
          w.take(tokens, c.topK()),
          gateUp);
    }
  }

  /**
   * Memory that lives within one call; all layers share it.
   *
   * @param normed gradient [T, d]
   * @param logits gradient [T, E]
   * @param gates gradient [T, k]
   * @param experts [R, d], the experts' working memory
   */
  public record Scratch(Tensor normed, Tensor logits, Tensor gates, Tensor experts) {
    /** Takes the tensors for up to {@code tokens} tokens. */
    public static Scratch take(Workspace w, ModelConfig c, int tokens) {
      int rows = Math.multiplyExact(tokens, c.topK());
      return new Scratch(
          w.take(tokens, c.hiddenSize()),
          w.take(tokens, c.numExperts()),
          w.take(tokens, c.topK()),
          w.take(rows, c.hiddenSize()));
    }
  }

  public MoeLayer(
      Kernels kernels,
      ModelConfig config,
      FlatParameters parameters,
      int layer,
      int maxTokens,
      Saved saved,
      Scratch scratch) {
    this.kernels = kernels;
    this.config = config;
    int d = config.hiddenSize();
    int f = config.expertSize();
    int e = config.numExperts();
    this.norm =
        Parameter.of(parameters, Parameters.layer(layer, "post_attention_layernorm.weight"));
    this.router = Parameter.of(parameters, Parameters.router(layer));
    this.gateUp = Parameter.span(parameters, Parameters.expert(layer, 0, "gate_proj"), e, 2 * f, d);
    this.down = Parameter.span(parameters, Parameters.expert(layer, 0, "down_proj"), e, d, f);
    this.saved = saved;
    this.scratch = scratch;
    this.routing = new Routing(maxTokens, e, config.topK());
    this.selectionBias = new double[e];
  }

  /** The last forward pass's routing: choice, dispatched order and statistics. */
  public Routing routing() {
    return routing;
  }

  /** The last forward pass's gates [T, k]. */
  public Tensor gates() {
    return saved.gates.firstRows(routing.tokens());
  }

  /** The last forward pass's router probabilities [T, E]. */
  public Tensor probabilities() {
    return saved.probabilities.firstRows(routing.tokens());
  }

  /**
   * [E], added to the router's logits for the choice of experts alone; belongs to this layer and
   * may be changed between two passes. Negative infinity keeps an expert from being chosen, as long
   * as k others are left.
   */
  public double[] selectionBias() {
    return selectionBias;
  }

  /** {@code out} [T, d] from {@code x} [T, d]. */
  public void forward(Tensor out, Tensor x) {
    Saved s = firstRows(saved, x.rows());
    kernels.rmsNorm(s.normed, s.inverseRms, x, norm.value(), config.rmsEpsilon());
    kernels.linear(s.logits, s.normed, router.value(), false);
    kernels.route(
        s.probabilities, s.gates, routing, s.logits, selectionBias, config.normalizeGates());
    kernels.experts(
        out,
        s.gateUp,
        scratch.experts.firstRows(routing.rows()),
        x,
        s.normed,
        s.gates,
        gateUp.value(),
        down.value(),
        routing);
  }

  /**
   * Turns {@code dX} [T, d] from the gradient of this layer's output into that of its input.
   *
   * @param meanProbabilityGradient [S·E] dLoss/dP_s,e of the balance loss over S equal runs of
   *     tokens
   * @param zLossCoefficient weight of this layer's z-loss
   */
  public void backward(
      Tensor dX, Tensor x, double[] meanProbabilityGradient, double zLossCoefficient) {
    Saved s = firstRows(saved, x.rows());
    Scratch g = firstRows(scratch, x.rows());
    kernels.expertsBackward(
        g.normed,
        g.gates,
        gateUp.gradient(),
        down.gradient(),
        g.experts,
        dX,
        s.gateUp,
        s.normed,
        s.gates,
        gateUp.value(),
        down.value(),
        routing);
    kernels.routeBackward(
        g.logits,
        g.gates,
        s.probabilities,
        s.gates,
        routing,
        s.logits,
        config.normalizeGates(),
        meanProbabilityGradient,
        zLossCoefficient);
    kernels.linearWeightGradient(router.gradient(), g.logits, s.normed);
    kernels.linearInputGradient(g.normed, g.logits, router.value(), true);
    kernels.rmsNormBackward(dX, norm.gradient(), g.normed, s.inverseRms, x, norm.value());
  }

  private Saved firstRows(Saved s, int tokens) {
    int rows = tokens * config.topK();
    return new Saved(
        s.normed.firstRows(tokens),
        s.inverseRms.firstRows(tokens),
        s.logits.firstRows(tokens),
        s.probabilities.firstRows(tokens),
        s.gates.firstRows(tokens),
        s.gateUp.firstRows(rows));
  }

  private Scratch firstRows(Scratch s, int tokens) {
    return new Scratch(
        s.normed.firstRows(tokens),
        s.logits.firstRows(tokens),
        s.gates.firstRows(tokens),
        s.experts.firstRows(tokens * config.topK()));
  }
}
