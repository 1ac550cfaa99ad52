package org.metier.engine.kernel;

/**
 * Numbers of one AdamW update (Loshchilov and Hutter, arXiv 1711.05101), already resolved for the
 * step: {@code m = β1 m + (1-β1) g; v = β2 v + (1-β2) g²; w -= lr (m/c1 / (sqrt(v/c2) + ε) + λ w)}
 * with g = gradientScale × gradient.
 *
 * @param biasCorrection1 c1 = 1 - β1^step
 * @param biasCorrection2 c2 = 1 - β2^step
 * @param gradientScale factor on the gradient, for clipping by global norm
 */
public record AdamWStep(
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    double weightDecay,
    double biasCorrection1,
    double biasCorrection2,
    double gradientScale) {}
