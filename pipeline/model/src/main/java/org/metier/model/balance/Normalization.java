package org.metier.model.balance;

/**
 * What a coefficient of the auxiliary loss multiplies. The same number means up to W·k different
 * strengths in the field; {@link #factor} converts to {@code E · Σ_e f_e · P_e} with f a share of
 * the selections (it sums to 1) and P a mean over the tokens that one worker's loss is a mean of.
 */
public enum Normalization {
  /**
   * {@code LBL_global = E · Σ f̄_e P̄_e} of arXiv 2501.11873, with f the share of the
   * <em>selections</em> (c_e / kT): uniform routing costs the coefficient, whatever k and the
   * number of workers.
   */
  PAPER,
  /**
   * f the share of the <em>tokens</em> that chose e (c_e / T, sums to k), as the paper's words, and
   * Hugging Face's load-balancing loss, have it: k times as strong.
   */
  TOKENS,
  /**
   * As Megatron-Core's {@code aux_loss} and {@code global_aux_loss} come out (moe_utils.py at
   * d98e8a6). It divides by k, as PAPER does; but over a global window every rank's loss is only
   * its share of the sum, and gradients are then averaged over the ranks: 1/W as strong.
   */
  MEGATRON;

  /**
   * What to multiply a coefficient in this normalisation with.
   *
   * @param topK k
   * @param workers W
   * @param globalWindow whether f is over all workers' tokens
   */
  public double factor(int topK, int workers, boolean globalWindow) {
    return switch (this) {
      case PAPER -> 1;
      case TOKENS -> topK;
      case MEGATRON -> globalWindow ? 1.0 / workers : 1;
    };
  }
}
