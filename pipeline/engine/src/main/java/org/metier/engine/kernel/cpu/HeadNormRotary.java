package org.metier.engine.kernel.cpu;

import java.util.Arrays;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.tensor.Tensor;

/** Per-head RMS norm of queries and keys, and their rotation by position, in one pass. */
final class HeadNormRotary {
  /** Rows per task, and per partial sum of the weights' gradients. */
  private static final int GRAIN = 64;

  private final Team team;
  private final Rows rows;
  private final NormRows norms;
  private final Scratch scratch;
  private Angles angles = new Angles(0, 0, 0, new float[0]);

  HeadNormRotary(Team team, Rows rows) {
    this.team = team;
    this.rows = rows;
    this.norms = rows.norms();
    this.scratch = new Scratch(team);
  }

  /** For each position headDim/2 cosines, then headDim/2 sines. */
  private record Angles(int sequence, int headDim, double theta, float[] table) {

    static Angles of(int sequence, int headDim, double theta) {
      int half = headDim / 2;
      float[] table = new float[sequence * headDim];
      for (int i = 0; i < half; i++) {
        double frequency = Math.pow(theta, -2.0 * i / headDim);
        for (int position = 0; position < sequence; position++) {
          table[position * headDim + i] = (float) Math.cos(position * frequency);
          table[position * headDim + half + i] = (float) Math.sin(position * frequency);
        }
      }
      return new Angles(sequence, headDim, theta, table);
    }
  }

  private float[] angles(AttentionShape shape, double theta) {
    if (angles.sequence < shape.sequence()
        || angles.headDim != shape.headDim()
        || angles.theta != theta) {
      angles = Angles.of(shape.sequence(), shape.headDim(), theta);
    }
    return angles.table;
  }

  void forward(
      Tensor out,
      Tensor inverseRms,
      Tensor qkv,
      Tensor queryWeight,
      Tensor keyWeight,
      AttentionShape shape,
      double ropeTheta,
      double epsilon) {
    int width = shape.qkvWidth();
    int headDim = shape.headDim();
    int normed = shape.heads() + shape.kvHeads();
    Shapes.require(qkv, "qkv", shape.tokens(), width);
    Shapes.require(out, "rotated qkv", shape.tokens(), width);
    Shapes.require(inverseRms, "inverse rms of heads", shape.tokens(), normed);
    float[] rotation = angles(shape, ropeTheta);
    float[] o = FloatStorage.of(out);
    float[] inverse = FloatStorage.of(inverseRms);
    float[] in = FloatStorage.of(qkv);
    float[] wq = FloatStorage.of(queryWeight);
    float[] wk = FloatStorage.of(keyWeight);
    int o0 = out.offset();
    int inverse0 = inverseRms.offset();
    int in0 = qkv.offset();
    team.forRows(
        shape.tokens(),
        GRAIN,
        (from, to, worker) -> {
          for (int t = from; t < to; t++) {
            int table = t % shape.sequence() * headDim;
            int q = t * width;
            int k = q + shape.queryWidth();
            int scale = inverse0 + t * normed;
            norms.normRotate(
                o,
                o0 + q,
                inverse,
                scale,
                in,
                in0 + q,
                wq,
                queryWeight.offset(),
                rotation,
                table,
                headDim / 2,
                shape.heads(),
                epsilon);
            norms.normRotate(
                o,
                o0 + k,
                inverse,
                scale + shape.heads(),
                in,
                in0 + k,
                wk,
                keyWeight.offset(),
                rotation,
                table,
                headDim / 2,
                shape.kvHeads(),
                epsilon);
            int values = t * width + normed * headDim;
            System.arraycopy(in, in0 + values, o, o0 + values, shape.keyWidth());
          }
        });
  }

  void backward(
      Tensor dQkv,
      Tensor dQueryWeight,
      Tensor dKeyWeight,
      Tensor dOut,
      Tensor inverseRms,
      Tensor qkv,
      Tensor queryWeight,
      Tensor keyWeight,
      AttentionShape shape,
      double ropeTheta) {
    int width = shape.qkvWidth();
    int headDim = shape.headDim();
    int normed = shape.heads() + shape.kvHeads();
    Shapes.require(dQkv, "gradient of qkv", shape.tokens(), width);
    Shapes.require(dOut, "gradient of rotated qkv", shape.tokens(), width);
    float[] rotation = angles(shape, ropeTheta);
    float[] dIn = FloatStorage.of(dQkv);
    float[] dO = FloatStorage.of(dOut);
    float[] inverse = FloatStorage.of(inverseRms);
    float[] in = FloatStorage.of(qkv);
    float[] wq = FloatStorage.of(queryWeight);
    float[] wk = FloatStorage.of(keyWeight);
    int dIn0 = dQkv.offset();
    int dO0 = dOut.offset();
    int inverse0 = inverseRms.offset();
    int in0 = qkv.offset();
    int blocks = Team.blocks(shape.tokens(), GRAIN);
    // Of each block of rows: the gradient of the query weight, then of the key weight.
    float[] partial = scratch.shared(blocks * 2 * headDim);
    team.forRows(
        shape.tokens(),
        GRAIN,
        (from, to, worker) -> {
          int sums = from / GRAIN * 2 * headDim;
          Arrays.fill(partial, sums, sums + 2 * headDim, 0);
          for (int t = from; t < to; t++) {
            int table = t % shape.sequence() * headDim;
            int q = t * width;
            int k = q + shape.queryWidth();
            int scale = inverse0 + t * normed;
            norms.normRotateBackward(
                dIn,
                dIn0 + q,
                partial,
                sums,
                dO,
                dO0 + q,
                inverse,
                scale,
                in,
                in0 + q,
                wq,
                queryWeight.offset(),
                rotation,
                table,
                headDim / 2,
                shape.heads());
            norms.normRotateBackward(
                dIn,
                dIn0 + k,
                partial,
                sums + headDim,
                dO,
                dO0 + k,
                inverse,
                scale + shape.heads(),
                in,
                in0 + k,
                wk,
                keyWeight.offset(),
                rotation,
                table,
                headDim / 2,
                shape.kvHeads());
            int values = t * width + normed * headDim;
            System.arraycopy(dO, dO0 + values, dIn, dIn0 + values, shape.keyWidth());
          }
        });
    float[] dWq = FloatStorage.of(dQueryWeight);
    float[] dWk = FloatStorage.of(dKeyWeight);
    for (int block = 0; block < blocks; block++) {
      int sums = block * 2 * headDim;
      rows.addScaled(dWq, dQueryWeight.offset(), 1, partial, sums, headDim);
      rows.addScaled(dWk, dKeyWeight.offset(), 1, partial, sums + headDim, headDim);
    }
  }
}
