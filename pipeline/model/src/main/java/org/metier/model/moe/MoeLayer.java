package org.metier.model.moe;

import java.util.List;
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
 * over the k experts that the router chose. Every chosen expert computes every token that was sent
 * to it, but for what {@code model.nullExperts} and {@code model.capacityFactor} take away: a token
 * whose choices are all nulls or dropped passes by the layer.
 */
public final class MoeLayer {
  private final Kernels kernels;
  private final ModelConfig config;
  private final Parameter norm;
  private final Parameter router;
  private final List<ExpertGroup> groups;
  private final Saved saved;
  private final Scratch scratch;
  private final Routing routing;
  private final double[] selectionBias;
  private double jitter;
  private int jitterSeed;

  /**
   * What forward leaves for backward, per layer.
   *
   * @param normed [T, d]
   * @param inverseRms [T]
   * @param logits [T, E]
   * @param probabilities [T, E]
   * @param gates [T, k]
   * @param gateUp [R, 2f] of each group of experts, one after the other; room for the most that any
   *     choice of T tokens may need
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
      return new Saved(
          w.take(tokens, c.hiddenSize()),
          w.take(tokens),
          w.take(tokens, c.routerColumns()),
          w.take(tokens, c.routerColumns()),
          w.take(tokens, c.topK()),
          w.take(tokens, ExpertGroup.gateUpOfToken(c)));
    }

    /** The same memory but for what the router leaves, which statistics read after the pass. */
    public Saved withOwnRouter(Workspace w, ModelConfig c, int tokens) {
      return new Saved(
          normed,
          inverseRms,
          w.take(tokens, c.routerColumns()),
          w.take(tokens, c.routerColumns()),
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
   * @param experts [R, d], the experts' working memory, and that of the router's noisy input
   * @param tokens gradient [T, E] of losses over single tokens
   * @param partNormed gradient [T, d] of one group of experts; nothing where there is but one
   * @param partGates gradient [T, k], likewise
   */
  public record Scratch(
      Tensor normed,
      Tensor logits,
      Tensor gates,
      Tensor experts,
      Tensor tokens,
      Tensor partNormed,
      Tensor partGates) {
    /** Takes the tensors for up to {@code tokens} tokens. */
    public static Scratch take(Workspace w, ModelConfig c, int tokens) {
      int rows = Math.multiplyExact(tokens, Math.min(c.topK(), c.numExperts()));
      int ofPart = c.expertWidths().isEmpty() ? 0 : tokens;
      return new Scratch(
          w.take(tokens, c.hiddenSize()),
          w.take(tokens, c.routerColumns()),
          w.take(tokens, c.topK()),
          w.take(rows, c.hiddenSize()),
          w.take(tokens, c.routerColumns()),
          w.take(ofPart, c.hiddenSize()),
          w.take(ofPart, c.topK()));
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
    this.norm =
        Parameter.of(parameters, Parameters.layer(layer, "post_attention_layernorm.weight"));
    this.router = Parameter.of(parameters, Parameters.router(layer));
    this.saved = saved;
    this.scratch = scratch;
    this.routing =
        new Routing(
            maxTokens,
            config.numExperts(),
            config.nullExperts(),
            config.topK(),
            config.capacity(),
            config.router());
    this.groups = ExpertGroup.of(config, parameters, layer, routing, maxTokens);
    this.selectionBias = new double[config.routerColumns()];
  }

  /** Sets what is added to the scores for the choice of experts alone. */
  public void selectionBias(double[] bias) {
    System.arraycopy(bias, 0, selectionBias, 0, selectionBias.length);
  }

  /**
   * Multiplies the router's input by noise from now on (Fedus et al., arXiv 2101.03961).
   *
   * @param epsilon factors are uniform in [1 - ε, 1 + ε); 0 is none
   * @param seed decides them: the same in forward and backward of one pass
   */
  public void routerJitter(double epsilon, int seed) {
    this.jitter = epsilon;
    this.jitterSeed = seed;
  }

  /** The last forward pass's routing: choice, dispatched order and statistics. */
  public Routing routing() {
    return routing;
  }

  /** The last forward pass's gates [T, k]. */
  public Tensor gates() {
    return saved.gates.firstRows(routing.tokens());
  }

  /** The last forward pass's router logits [T, E]. */
  public Tensor logits() {
    return saved.logits.firstRows(routing.tokens());
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
    kernels.linear(s.logits, routerInput(s.normed), router.value(), false);
    kernels.route(
        s.probabilities, s.gates, routing, s.logits, selectionBias, config.normalizeGates());
    int used = 0;
    Tensor residual = x;
    for (int i = 0; i < groups.size(); i++) {
      ExpertGroup group = groups.get(i);
      group.follow(routing);
      Tensor gateUp = group.gateUpRows(s.gateUp, used);
      // Groups add up by turns in two places, the last of them in out.
      Tensor sum = (groups.size() - i) % 2 == 1 ? out : scratch.normed.firstRows(x.rows());
      kernels.experts(
          sum,
          gateUp,
          scratch.experts.firstRows(group.routing().rows()),
          residual,
          s.normed,
          s.gates,
          group.gateUp().value(),
          group.down().value(),
          group.routing());
      used += gateUp.size();
      residual = sum;
    }
  }

  /**
   * Turns {@code dX} [T, d] from the gradient of this layer's output into that of its input.
   *
   * @param meanProbabilityGradient [S·E] dLoss/dP_s,e of the balance loss over S equal runs of
   *     tokens
   * @param zLossCoefficient weight of this layer's z-loss
   * @param tokenGradient [T·E] gradient of losses over single tokens with respect to the logits, or
   *     empty
   */
  public void backward(
      Tensor dX,
      Tensor x,
      double[] meanProbabilityGradient,
      double zLossCoefficient,
      double[] tokenGradient) {
    Saved s = firstRows(saved, x.rows());
    Scratch g = firstRows(scratch, x.rows());
    expertsBackward(g, dX, s);
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
    if (tokenGradient.length > 0) {
      kernels.upload(g.tokens, tokenGradient, 0);
      kernels.addScaled(g.logits, 1, g.tokens);
    }
    kernels.linearWeightGradient(router.gradient(), g.logits, routerInput(s.normed));
    addRouterInputGradient(g);
    kernels.rmsNormBackward(dX, norm.gradient(), g.normed, s.inverseRms, x, norm.value());
  }

  /** Fills the gradients of normed and gates, adds to those of the experts' weights. */
  private void expertsBackward(Scratch g, Tensor dOut, Saved s) {
    int used = 0;
    for (int i = 0; i < groups.size(); i++) {
      ExpertGroup group = groups.get(i);
      Tensor gateUp = group.gateUpRows(s.gateUp, used);
      Tensor dNormed = i == 0 ? g.normed : g.partNormed;
      Tensor dGates = i == 0 ? g.gates : g.partGates;
      kernels.expertsBackward(
          dNormed,
          dGates,
          group.gateUp().gradient(),
          group.down().gradient(),
          g.experts.firstRows(group.routing().rows()),
          dOut,
          gateUp,
          s.normed,
          s.gates,
          group.gateUp().value(),
          group.down().value(),
          group.routing());
      if (i > 0) {
        kernels.addScaled(g.normed, 1, dNormed);
        kernels.addScaled(g.gates, 1, dGates);
      }
      used += gateUp.size();
    }
  }

  /** The normed input [T, d], with its noise if there is any. */
  private Tensor routerInput(Tensor normed) {
    if (jitter == 0) {
      return normed;
    }
    Tensor noisy =
        scratch.experts.firstRows(normed.rows()); // R ≥ T, and the experts are not at work
    kernels.jitter(noisy, normed, jitter, jitterSeed, false);
    return noisy;
  }

  private void addRouterInputGradient(Scratch g) {
    if (jitter == 0) {
      kernels.linearInputGradient(g.normed, g.logits, router.value(), true);
      return;
    }
    Tensor dNoisy = scratch.experts.firstRows(g.normed.rows());
    kernels.linearInputGradient(dNoisy, g.logits, router.value(), false);
    kernels.jitter(g.normed, dNoisy, jitter, jitterSeed, true);
  }

  private static Saved firstRows(Saved s, int tokens) {
    return new Saved(
        s.normed.firstRows(tokens),
        s.inverseRms.firstRows(tokens),
        s.logits.firstRows(tokens),
        s.probabilities.firstRows(tokens),
        s.gates.firstRows(tokens),
        s.gateUp);
  }

  private static Scratch firstRows(Scratch s, int tokens) {
    int ofPart = Math.min(tokens, s.partGates.rows());
    return new Scratch(
        s.normed.firstRows(tokens),
        s.logits.firstRows(tokens),
        s.gates.firstRows(tokens),
        s.experts,
        s.tokens.firstRows(tokens),
        s.partNormed.firstRows(ofPart),
        s.partGates.firstRows(ofPart));
  }
}
