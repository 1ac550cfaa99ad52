package org.metier.engine.kernel.cpu;

import java.util.Arrays;
import org.metier.engine.tensor.Tensor;

/** RMS norm over rows; the weight's gradient is summed per block of rows, then over the blocks. */
final class RmsNorm {
  /** Rows per task, and per partial sum of the weight's gradient. */
  private static final int GRAIN = 128;

  private final Team team;
  private final Rows rows;
  private final NormRows norms;
  private final Scratch scratch;

  RmsNorm(Team team, Rows rows) {
    this.team = team;
    this.rows = rows;
    this.norms = rows.norms();
    this.scratch = new Scratch(team);
  }

  void forward(Tensor out, Tensor inverseRms, Tensor x, Tensor weight, double epsilon) {
    int width = weight.size();
    int count = x.rows();
    Shapes.require(x, "norm input", count, width);
    Shapes.require(out, "norm output", count, width);
    Shapes.require(inverseRms, "inverse rms", count, 1);
    float[] o = FloatStorage.of(out);
    float[] inverse = FloatStorage.of(inverseRms);
    float[] in = FloatStorage.of(x);
    float[] w = FloatStorage.of(weight);
    int o0 = out.offset();
    int inverse0 = inverseRms.offset();
    int x0 = x.offset();
    int w0 = weight.offset();
    team.forRows(
        count,
        GRAIN,
        (from, to, worker) -> {
          for (int t = from; t < to; t++) {
            int row = x0 + t * width;
            float factor = inverse(rows.dot(in, row, in, row, width), width, epsilon);
            inverse[inverse0 + t] = factor;
            rows.scaleInto(o, o0 + t * width, factor, in, row, w, w0, width);
          }
        });
  }

  void backward(
      Tensor dX, Tensor dWeight, Tensor dOut, Tensor inverseRms, Tensor x, Tensor weight) {
    int width = weight.size();
    int count = x.rows();
    Shapes.require(dX, "norm input gradient", count, width);
    Shapes.require(dOut, "norm output gradient", count, width);
    float[] dIn = FloatStorage.of(dX);
    float[] dO = FloatStorage.of(dOut);
    float[] inverse = FloatStorage.of(inverseRms);
    float[] in = FloatStorage.of(x);
    float[] w = FloatStorage.of(weight);
    int dIn0 = dX.offset();
    int dO0 = dOut.offset();
    int inverse0 = inverseRms.offset();
    int x0 = x.offset();
    int w0 = weight.offset();
    int blocks = Team.blocks(count, GRAIN);
    float[] partial = scratch.shared(blocks * width);
    team.forRows(
        count,
        GRAIN,
        (from, to, worker) -> {
          int sums = from / GRAIN * width;
          Arrays.fill(partial, sums, sums + width, 0);
          for (int t = from; t < to; t++) {
            int row = t * width;
            norms.rmsNormBackward(
                dIn,
                dIn0 + row,
                partial,
                sums,
                dO,
                dO0 + row,
                in,
                x0 + row,
                w,
                w0,
                inverse[inverse0 + t],
                width);
          }
        });
    float[] dW = FloatStorage.of(dWeight);
    for (int block = 0; block < blocks; block++) {
      rows.addScaled(dW, dWeight.offset(), 1, partial, block * width, width);
    }
  }

  /** 1 / sqrt(sum of squares / width + ε). */
  static float inverse(float sumOfSquares, int width, double epsilon) {
    return (float) (1 / Math.sqrt(sumOfSquares / (double) width + epsilon));
  }
}
