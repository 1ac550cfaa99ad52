package org.metier.engine.kernel.cpu;

import java.util.Arrays;
import org.metier.engine.kernel.UniformNoise;
import org.metier.engine.tensor.Tensor;

/** Ops that see a tensor as a plain list of numbers: fill, copy, sum, norm. */
final class Elements {
  /** Elements per task. */
  private static final int GRAIN = 1 << 16;

  private final Team team;
  private final Rows rows;
  private double[] partial = new double[0];

  Elements(Team team, Rows rows) {
    this.team = team;
    this.rows = rows;
  }

  void fill(Tensor target, double value) {
    float[] t = FloatStorage.of(target);
    int t0 = target.offset();
    team.forRows(
        target.size(),
        GRAIN,
        (from, to, worker) -> Arrays.fill(t, t0 + from, t0 + to, (float) value));
  }

  void copy(Tensor target, Tensor source) {
    float[] t = FloatStorage.of(target);
    float[] s = FloatStorage.of(source);
    int t0 = target.offset();
    int s0 = source.offset();
    team.forRows(
        Shapes.sameSize(target, source),
        GRAIN,
        (from, to, worker) -> System.arraycopy(s, s0 + from, t, t0 + from, to - from));
  }

  void addScaled(Tensor target, double factor, Tensor source) {
    float[] t = FloatStorage.of(target);
    float[] s = FloatStorage.of(source);
    int t0 = target.offset();
    int s0 = source.offset();
    team.forRows(
        Shapes.sameSize(target, source),
        GRAIN,
        (from, to, worker) ->
            rows.addScaled(t, t0 + from, (float) factor, s, s0 + from, to - from));
  }

  void jitter(Tensor out, Tensor x, double epsilon, int seed, boolean add) {
    float[] o = FloatStorage.of(out);
    float[] s = FloatStorage.of(x);
    int o0 = out.offset();
    int s0 = x.offset();
    team.forRows(
        Shapes.sameSize(out, x),
        GRAIN,
        (from, to, worker) -> {
          if (!add) { // what stands there may be NaN
            Arrays.fill(o, o0 + from, o0 + to, 0);
          }
          for (int i = from; i < to; i++) {
            o[o0 + i] += s[s0 + i] * (float) UniformNoise.factor(seed, i, epsilon);
          }
        });
  }

  double squaredNorm(Tensor x) {
    float[] values = FloatStorage.of(x);
    int offset = x.offset();
    int blocks = Team.blocks(x.size(), GRAIN);
    if (partial.length < blocks) {
      partial = new double[blocks];
    }
    double[] sums = partial;
    team.forRows(
        x.size(),
        GRAIN,
        (from, to, worker) -> {
          sums[from / GRAIN] = rows.sumOfSquares(values, offset + from, to - from);
        });
    double sum = 0;
    for (int block = 0; block < blocks; block++) {
      sum += sums[block];
    }
    return sum;
  }
}
