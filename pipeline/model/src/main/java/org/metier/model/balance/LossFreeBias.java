package org.metier.model.balance;

/**
 * Balance without a loss (Wang et al., arXiv 2408.15664): a bias per expert is added to its scores
 * for the choice alone and moved after every step, up for experts below the mean load, down for
 * those above. No gradient reaches the model. With the excess {@code v_e = 1 - E f_e}, the missing
 * load in units of the mean load, an update adds {@code u_n · sign(v_e)} or {@code u_n · v_e}.
 *
 * <p>The paper's proportional rule is in tokens, {@code u (c̄ - c_e)}: its u times the mean load
 * {@code c̄ = kT/E} is ours, which does not change with the batch.
 *
 * @param rate u, in the units of the score that the bias is added to
 * @param schedule of u_n over the updates (Han and Zhong, arXiv 2512.03915); a bias never gets
 *     farther than Σ u_n, which for u/n is u (ln N + 0.577): a sign rule with u/n needs a large u
 */
public record LossFreeBias(Rule rule, double rate, Schedule schedule) implements BalanceStrategy {

  /** What a step is proportional to. */
  public enum Rule {
    /** The direction alone. */
    SIGN,
    /** The missing load: keeps the sum of the biases. */
    PROPORTIONAL
  }

  /** The step size of the n-th update. */
  public enum Schedule {
    /** u. */
    CONSTANT,
    /** u / n. */
    INVERSE,
    /** u / √n. */
    INVERSE_ROOT
  }

  @Override
  public Signal signal(double[] frequency, double[] meanProbability) {
    return Signal.none(frequency.length);
  }

  @Override
  public boolean biasesSelection() {
    return true;
  }

  @Override
  public void updateBias(double[] bias, double[] frequency, long update) {
    double step = step(update);
    for (int e = 0; e < bias.length; e++) {
      double missing = 1.0 / bias.length - frequency[e];
      bias[e] += step * (rule == Rule.SIGN ? Math.signum(missing) : bias.length * missing);
    }
  }

  /** u_n, for n from 1 on. */
  double step(long update) {
    return switch (schedule) {
      case CONSTANT -> rate;
      case INVERSE -> rate / update;
      case INVERSE_ROOT -> rate / Math.sqrt(update);
    };
  }
}
