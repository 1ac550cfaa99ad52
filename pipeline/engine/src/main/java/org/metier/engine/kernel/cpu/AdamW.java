package org.metier.engine.kernel.cpu;

import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.tensor.Tensor;

/** AdamW in one pass over value, gradient and both moments. */
final class AdamW {
  /** Elements per task: four streams of it fill half of a common L2 cache. */
  private static final int GRAIN = 1 << 15;

  private final Team team;
  private final Rows rows;

  AdamW(Team team, Rows rows) {
    this.team = team;
    this.rows = rows;
  }

  /**
   * The numbers of {@link AdamWStep} as the loop wants them: {@code m = keepFirst m + newFirst g; v
   * = keepSecond v + newSecond g²; w -= rate m / (sqrt(secondCorrection v) + ε) + decay w}.
   */
  record Factors(
      float gradientScale,
      float keepFirst,
      float newFirst,
      float keepSecond,
      float newSecond,
      float secondCorrection,
      float epsilon,
      float rate,
      float decay) {

    static Factors of(AdamWStep step) {
      return new Factors(
          (float) step.gradientScale(),
          (float) step.beta1(),
          (float) (1 - step.beta1()),
          (float) step.beta2(),
          (float) (1 - step.beta2()),
          (float) (1 / step.biasCorrection2()),
          (float) step.epsilon(),
          (float) (step.learningRate() / step.biasCorrection1()),
          (float) (step.learningRate() * step.weightDecay()));
    }
  }

  void update(
      Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, AdamWStep step) {
    float[] w = FloatStorage.of(value);
    float[] g = FloatStorage.of(gradient);
    float[] m = FloatStorage.of(firstMoment);
    float[] v = FloatStorage.of(secondMoment);
    int w0 = value.offset();
    int g0 = gradient.offset();
    int m0 = firstMoment.offset();
    int v0 = secondMoment.offset();
    Factors factors = Factors.of(step);
    team.forRows(
        value.size(),
        GRAIN,
        (from, to, worker) ->
            rows.adamW(w, w0 + from, g, g0 + from, m, m0 + from, v, v0 + from, factors, to - from));
  }
}
