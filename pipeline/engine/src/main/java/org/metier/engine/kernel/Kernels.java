package org.metier.engine.kernel;

import org.metier.engine.tensor.Storage;
import org.metier.engine.tensor.Tensor;

/**
 * The ops of a mixture-of-experts transformer, forward and backward: the seam where another device
 * enters. An instance is the context of one worker (its threads, its scratch memory) and is not
 * thread-safe.
 *
 * <p>Conventions. Destinations come first. Matrices are row-major; weights are {@code [out, in]}
 * and applied as {@code x wᵀ}. T is the number of tokens (rows), d the model width, n experts, m
 * null experts, E = n + m, k = topK, R = T·k dispatched rows, fewer where nulls are chosen or a
 * capacity drops. Forward ops and gradients with respect to activations <b>overwrite</b> their
 * destination unless the text says that they add; gradients with respect to <b>weights always
 * add</b>, so that micro-batches accumulate. Destinations never overlap sources. Every sum runs in
 * an order that depends only on the shapes and the thread count: same input, same bits.
 *
 * <p>Token ids, targets and routing indices are host arrays; their content beyond the rows of the
 * tensors is ignored.
 */
public interface Kernels extends AutoCloseable {

  /** Short name for logs and config: {@code cpu}, {@code reference}. */
  String name();

  // ---- memory ----

  /** A zeroed storage of {@code length} elements. */
  Storage allocate(int length);

  /** Copies {@code target.size()} host numbers into {@code target}. */
  void upload(Tensor target, float[] source, int sourceOffset);

  /** Copies {@code target.size()} host numbers into {@code target}, rounding if it must. */
  void upload(Tensor target, double[] source, int sourceOffset);

  /** Copies {@code source.size()} elements to the host, rounding if it must. */
  void download(float[] target, int targetOffset, Tensor source);

  /** Copies {@code source.size()} elements to the host. */
  void download(double[] target, int targetOffset, Tensor source);

  void fill(Tensor target, double value);

  void copy(Tensor target, Tensor source);

  /** {@code target += factor · source}. */
  void addScaled(Tensor target, double factor, Tensor source);

  /**
   * {@code out = x ⊙ n}, or {@code out += x ⊙ n} if {@code add}: multiplicative noise, uniform in
   * [1 - ε, 1 + ε), whose i-th factor is {@link UniformNoise#factor}, so the same on every backend.
   * The matrix is diagonal: the op is its own backward pass.
   *
   * @param epsilon ε, in [0, 1)
   * @param seed decides the noise
   */
  void jitter(Tensor out, Tensor x, double epsilon, int seed, boolean add);

  /** Σ x², accumulated in double. */
  double squaredNorm(Tensor x);

  // ---- embedding ----

  /** {@code out[t] = table[tokens[t]]}; out [T, d], table [V, d]. */
  void embedding(Tensor out, Tensor table, int[] tokens);

  /** {@code dTable[tokens[t]] += dOut[t]}. */
  void embeddingBackward(Tensor dTable, Tensor dOut, int[] tokens);

  // ---- RMS norm (Zhang and Sennrich, arXiv 1910.07467) ----

  /**
   * {@code out[t] = weight ⊙ x[t] · inverseRms[t]}, {@code inverseRms[t] = 1 / sqrt(mean(x[t]²) +
   * ε)}.
   *
   * @param out [T, d]
   * @param inverseRms [T], kept for the backward pass
   * @param x [T, d]
   * @param weight [d]
   */
  void rmsNorm(Tensor out, Tensor inverseRms, Tensor x, Tensor weight, double epsilon);

  /** <b>Adds</b> to {@code dX} (the residual stream passes the norm by) and to {@code dWeight}. */
  void rmsNormBackward(
      Tensor dX, Tensor dWeight, Tensor dOut, Tensor inverseRms, Tensor x, Tensor weight);

  // ---- linear ----

  /** {@code out = x wᵀ}, or {@code out += x wᵀ} if {@code add}. out [T, n], x [T, m], w [n, m]. */
  void linear(Tensor out, Tensor x, Tensor w, boolean add);

  /** {@code dX = dOut w}, or {@code dX += dOut w} if {@code add}. */
  void linearInputGradient(Tensor dX, Tensor dOut, Tensor w, boolean add);

  /** {@code dW += dOutᵀ x}. */
  void linearWeightGradient(Tensor dW, Tensor dOut, Tensor x);

  // ---- per-head norm and rotary embedding (Su et al., arXiv 2104.09864; half-split pairs) ----

  /**
   * RMS-normalises each query and key head, scales it by {@code queryWeight} or {@code keyWeight}
   * and rotates it by its position in the sequence; copies the values. Rotation of a pair (a, b) =
   * (x[i], x[i + headDim/2]) by angle φ = position · θ^(-2i/headDim): (a cos φ - b sin φ, b cos φ +
   * a sin φ).
   *
   * @param out [T, qkvWidth]
   * @param inverseRms [T, heads + kvHeads], kept for the backward pass
   * @param qkv [T, qkvWidth]: queries, keys, values side by side
   * @param queryWeight [headDim]
   * @param keyWeight [headDim]
   */
  void headNormRotary(
      Tensor out,
      Tensor inverseRms,
      Tensor qkv,
      Tensor queryWeight,
      Tensor keyWeight,
      AttentionShape shape,
      double ropeTheta,
      double epsilon);

  /** Overwrites {@code dQkv}; adds to the weights' gradients. */
  void headNormRotaryBackward(
      Tensor dQkv,
      Tensor dQueryWeight,
      Tensor dKeyWeight,
      Tensor dOut,
      Tensor inverseRms,
      Tensor qkv,
      Tensor queryWeight,
      Tensor keyWeight,
      AttentionShape shape,
      double ropeTheta);

  // ---- causal attention ----

  /**
   * Grouped-query attention, scaled by 1/sqrt(headDim), over positions {@code documentStart[t] ≤ s
   * ≤ t} of the same sequence.
   *
   * @param out [T, queryWidth]
   * @param logSumExp [T, heads]: log of each row's softmax denominator, kept for the backward pass
   * @param qkv [T, qkvWidth], normalised and rotated
   * @param documentStart [T] first position, counted within the sequence, that a token may see: at
   *     most its own, and never less than its predecessor's in the sequence
   */
  void attention(
      Tensor out, Tensor logSumExp, Tensor qkv, int[] documentStart, AttentionShape shape);

  /** Overwrites {@code dQkv} [T, qkvWidth]. */
  void attentionBackward(
      Tensor dQkv,
      Tensor dOut,
      Tensor out,
      Tensor logSumExp,
      Tensor qkv,
      int[] documentStart,
      AttentionShape shape);

  // ---- router ----

  /**
   * Probabilities over all experts, then the k best by {@code score + selectionBias} (ties go to
   * the lower expert number); fills {@code routing} with the choice, the dispatched order and the
   * statistics. The bias decides the choice only and never enters a probability or a gate. What the
   * score is, and how logits become probabilities and gates, {@link Routing#scoring} says; what
   * follows is of a softmax.
   *
   * <p>Null experts (AdaMoE, arXiv 2406.13233) are the last m columns: they take part in the
   * softmax and in the choice, get a gate of 0 and have no row. What the routing's capacity drops
   * loses its row and keeps its gate, so that the others' gates do not change.
   *
   * @param probabilities [T, E]
   * @param gates [T, k] weights of the chosen experts: their probabilities, divided by their sum
   *     over the chosen that are no nulls if {@code normalize}; all 0 where only nulls were chosen
   * @param logits [T, E]
   * @param selectionBias [E] on the host, in the units of the score
   */
  void route(
      Tensor probabilities,
      Tensor gates,
      Routing routing,
      Tensor logits,
      double[] selectionBias,
      boolean normalize);

  /**
   * Gradient of the router: through the gates, through the mean probabilities that a balance loss
   * reads, and of the z-loss {@code c · mean_t logsumexp(logits[t])²}. The means are P_s,e = (S/T)
   * Σ p[t,e] over the s-th of S runs of T/S tokens: one run for a loss over the whole micro-batch,
   * one per sequence for a loss over each sequence. With s sigmoids, p = s / Σ s: all but the
   * z-loss has the softmax's form times {@code 1 - s_e}.
   *
   * @param dLogits [T, E], overwritten
   * @param dGates [T, k]; not read where the choice is a null
   * @param meanProbabilityGradient [S·E] on the host: dLoss/dP_s,e; S divides T
   * @param zLossCoefficient c
   */
  void routeBackward(
      Tensor dLogits,
      Tensor dGates,
      Tensor probabilities,
      Tensor gates,
      Routing routing,
      Tensor logits,
      boolean normalize,
      double[] meanProbabilityGradient,
      double zLossCoefficient);

  // ---- experts ----

  /**
   * Every token's chosen experts: {@code out[t] = residual[t] + Σ_j gates[t, j] · down_e (silu(g) ⊙
   * u)} with e the j-th expert of t and {@code [g | u] = gateUp_e x[t]}. From tokens to tokens in
   * one op, so that a backend may keep an expert's rows in its fastest memory all the way. A choice
   * without a row (a null expert, a dropped token) contributes nothing and costs nothing, nor does
   * an expert without rows; its gate is not read.
   *
   * @param out [T, d]
   * @param gateUp [R, 2f] in dispatched order, kept for the backward pass
   * @param work [R, d], working memory: content undefined before and after
   * @param residual [T, d]
   * @param x [T, d]
   * @param gates [T, k]
   * @param gateUpWeight [n, 2f, d]
   * @param downWeight [n, d, f]
   */
  void experts(
      Tensor out,
      Tensor gateUp,
      Tensor work,
      Tensor residual,
      Tensor x,
      Tensor gates,
      Tensor gateUpWeight,
      Tensor downWeight,
      Routing routing);

  /**
   * Overwrites {@code dX} [T, d] and {@code dGates} [T, k], with 0 where a choice or a token has no
   * row, adds to the weights' gradients; the residual's gradient is {@code dOut} itself and left to
   * the caller.
   */
  void expertsBackward(
      Tensor dX,
      Tensor dGates,
      Tensor dGateUpWeight,
      Tensor dDownWeight,
      Tensor work,
      Tensor dOut,
      Tensor gateUp,
      Tensor x,
      Tensor gates,
      Tensor gateUpWeight,
      Tensor downWeight,
      Routing routing);

  // ---- loss ----

  /**
   * Cross-entropy of {@code softmax(x headᵀ)} without ever holding the logits of all tokens.
   *
   * @param losses [T] on the host, nats per token; 0 where the target is negative
   * @param x [T, d]
   * @param head [V, d]
   * @param targets [T]; negative means: not counted
   */
  void crossEntropy(double[] losses, Tensor x, Tensor head, int[] targets);

  /**
   * The same, and the token that each row finds most likely, from the same logits.
   *
   * @param argMax [T] on the host: the largest logit's place, the lower of equal ones; -1 where the
   *     target is negative
   */
  void crossEntropyAndArgMax(double[] losses, int[] argMax, Tensor x, Tensor head, int[] targets);

  /**
   * The same, and in the same pass over the tiles the gradient of {@code scale · Σ_t losses[t]}:
   * overwrites {@code dX} [T, d] and adds to {@code dHead} [V, d].
   */
  void crossEntropyWithGradient(
      double[] losses, Tensor dX, Tensor dHead, Tensor x, Tensor head, int[] targets, double scale);

  // ---- optimiser ----

  /** One AdamW update of {@code value} and of both moments, in one pass. */
  void adamW(
      Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, AdamWStep step);

  @Override
  default void close() {}
}
