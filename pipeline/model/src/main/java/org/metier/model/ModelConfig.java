package org.metier.model;

import java.io.Serializable;

/**
 * The {@code model} section of a run: the decoder that Hugging Face calls Qwen3-MoE.
 *
 * @param vocabSize V, entries of the vocabulary
 * @param hiddenSize d, width of the residual stream
 * @param numLayers decoder blocks, each attention followed by a mixture of experts
 * @param numHeads query heads
 * @param numKvHeads key and value heads; divides {@code numHeads}
 * @param headDim width of one head; even
 * @param numExperts E, experts per layer
 * @param topK experts that each token is sent to
 * @param expertSize f, inner width of one expert's SwiGLU
 * @param sequenceLength longest sequence
 * @param normalizeGates divide the chosen probabilities by their sum (norm_topk_prob)
 * @param ropeTheta base of the rotary frequencies
 * @param rmsEpsilon ε of the norms
 * @param initStd standard deviation of the initial weights
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
    double initStd)
    implements Serializable {

  public ModelConfig {
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
    require(topK <= numExperts, "topK (%d) exceeds numExperts (%d)", topK, numExperts);
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

  /** The same parameters with another number of choices per token. */
  public ModelConfig withTopK(int choices) {
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
        initStd);
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
