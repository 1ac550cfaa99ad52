package org.metier.model;

import java.io.Serializable;
import java.util.Collections;
import java.util.List;
import org.metier.engine.kernel.DropPolicy;
import org.metier.engine.kernel.ExpertCapacity;
import org.metier.engine.kernel.RouterScoring;

/**
 * The {@code model} section of a run: the decoder that Hugging Face calls Qwen3-MoE.
 *
 * @param vocabSize V, entries of the vocabulary
 * @param hiddenSize d, width of the residual stream
 * @param numLayers decoder blocks, each attention followed by a mixture of experts
 * @param numHeads query heads
 * @param numKvHeads key and value heads; divides {@code numHeads}
 * @param headDim width of one head; even
 * @param numExperts n, experts per layer
 * @param topK k, choices of each token among experts and null experts
 * @param expertSize f, inner width of one expert's SwiGLU
 * @param sequenceLength longest sequence
 * @param normalizeGates divide the chosen probabilities by their sum (norm_topk_prob)
 * @param ropeTheta base of the rotary frequencies
 * @param rmsEpsilon ε of the norms
 * @param initStd standard deviation of the initial weights
 * @param router what the router makes of its logits
 * @param nullExperts m, columns of the router that stand for no work at all (AdaMoE, arXiv
 *     2406.13233): a token that chooses one has an expert less; 0 is the usual model
 * @param capacityFactor limits each expert to {@code ceil(factor · k·T / (n + m))} of a
 *     micro-batch's T tokens, see {@link ExpertCapacity}; 0 is dropless
 * @param dropPolicy whom a full expert turns away
 * @param expertWidths inner width of each expert's SwiGLU where they differ (experts of different
 *     cost: ShiftAddViT, arXiv 2306.06446); empty: all {@code expertSize}
 */
public record ModelConfig(
    int vocabSize,
    int hiddenSize,
    int numLayers,
    int numHeads,
    int numKvHeads,
    int headDim,
    int numExperts,
    int topK,
    int expertSize,
    int sequenceLength,
    boolean normalizeGates,
    double ropeTheta,
    double rmsEpsilon,
    double initStd,
    RouterScoring router,
    int nullExperts,
    double capacityFactor,
    DropPolicy dropPolicy,
    List<Integer> expertWidths)
    implements Serializable {

  /** The same with another router. */
  public ModelConfig withRouter(RouterScoring router) {
    return new ModelConfig(
        vocabSize,
        hiddenSize,
        numLayers,
        numHeads,
        numKvHeads,
        headDim,
        numExperts,
        topK,
        expertSize,
        sequenceLength,
        normalizeGates,
        ropeTheta,
        rmsEpsilon,
        initStd,
        router,
        nullExperts,
        capacityFactor,
        dropPolicy,
        expertWidths);
  }

  /**
   * The same parameters with another number of choices per token and no capacity: what a router
   * that may choose few experts only is evaluated with.
   */
  public ModelConfig dropless(int choices) {
    return new ModelConfig(
        vocabSize,
        hiddenSize,
        numLayers,
        numHeads,
        numKvHeads,
        headDim,
        numExperts,
        choices,
        expertSize,
        sequenceLength,
        normalizeGates,
        ropeTheta,
        rmsEpsilon,
        initStd,
        router,
        nullExperts,
        0,
        dropPolicy,
        expertWidths);
  }

  public ModelConfig {
    expertWidths = List.copyOf(expertWidths);
    positive("vocabSize", vocabSize);
    positive("hiddenSize", hiddenSize);
    positive("numLayers", numLayers);
    positive("numHeads", numHeads);
    positive("numKvHeads", numKvHeads);
    positive("headDim", headDim);
    positive("numExperts", numExperts);
    positive("topK", topK);
    positive("expertSize", expertSize);
    positive("sequenceLength", sequenceLength);
    require(nullExperts >= 0, "nullExperts must not be negative, is %d", nullExperts);
    require(
        topK <= numExperts + nullExperts,
        nullExperts == 0
            ? "topK (%1$d) exceeds numExperts (%2$d)"
            : "topK (%1$d) exceeds numExperts (%2$d) and nullExperts (%3$d) together",
        topK,
        numExperts,
        nullExperts);
    require(
        nullExperts == 0 || router.activation() == RouterScoring.Activation.SOFTMAX,
        "nullExperts (%d) need router.activation = softmax",
        nullExperts);
    require(
        capacityFactor >= 0 && capacityFactor < Double.POSITIVE_INFINITY,
        "capacityFactor must not be negative (0 is dropless), is %s",
        capacityFactor);
    require(
        expertWidths.isEmpty() || expertWidths.size() == numExperts,
        "expertWidths has %d widths, numExperts is %d",
        expertWidths.size(),
        numExperts);
    for (int width : expertWidths) {
      positive("expertWidths", width);
    }
    require(
        numHeads % numKvHeads == 0,
        "numHeads (%d) must be a multiple of numKvHeads (%d)",
        numHeads,
        numKvHeads);
    require(headDim % 2 == 0, "headDim (%d) must be even", headDim);
    require(ropeTheta > 1, "ropeTheta must exceed 1, is %s", ropeTheta);
    require(rmsEpsilon > 0, "rmsEpsilon must be positive, is %s", rmsEpsilon);
    require(initStd > 0, "initStd must be positive, is %s", initStd);
  }

  /** The usual model: softmax router, dropless, no null experts, all experts of one width. */
  public ModelConfig(
      int vocabSize,
      int hiddenSize,
      int numLayers,
      int numHeads,
      int numKvHeads,
      int headDim,
      int numExperts,
      int topK,
      int expertSize,
      int sequenceLength,
      boolean normalizeGates,
      double ropeTheta,
      double rmsEpsilon,
      double initStd) {
    this(
        vocabSize,
        hiddenSize,
        numLayers,
        numHeads,
        numKvHeads,
        headDim,
        numExperts,
        topK,
        expertSize,
        sequenceLength,
        normalizeGates,
        ropeTheta,
        rmsEpsilon,
        initStd,
        RouterScoring.SOFTMAX,
        0,
        0,
        DropPolicy.PROBABILITY,
        List.of());
  }

  /** n + m, what each token's k choices are from: columns of the router. */
  public int routerColumns() {
    return numExperts + nullExperts;
  }

  /** Inner width of one expert's SwiGLU. */
  public int expertWidth(int expert) {
    return expertWidths.isEmpty() ? expertSize : expertWidths.get(expert);
  }

  /** Of the widest expert. */
  public int largestExpertWidth() {
    return expertWidths.isEmpty() ? expertSize : Collections.max(expertWidths);
  }

  /** The limit on each expert's tokens. */
  public ExpertCapacity capacity() {
    return new ExpertCapacity(capacityFactor, dropPolicy);
  }

  /** Experts of a token on average, if the router is balanced: k·n/(n + m). */
  public double expertsPerToken() {
    return (double) topK * numExperts / routerColumns();
  }

  private static void positive(String key, int value) {
    require(value >= 1, "%s must be at least 1, is %d", key, value);
  }

  private static void require(boolean condition, String message, Object... arguments) {
    if (!condition) {
      throw new IllegalArgumentException(message.formatted(arguments));
    }
  }
}
