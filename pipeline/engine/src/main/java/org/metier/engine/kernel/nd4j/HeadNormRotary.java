package org.metier.engine.kernel.nd4j;

import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * RMS norm of each query and key head (Henry et al., arXiv 2010.04245, with RMS norm as in Qwen3)
 * and rotary embedding (Su et al., arXiv 2104.09864) with half-split pairs: (x[i], x[i + D/2])
 * turns by φ = position · θ^(-2i/D). A rotation's gradient is the rotation by -φ.
 *
 * <p>The heads of one kind are copied to a matrix [T·n, D], where {@link RmsNorm} does its work.
 */
final class HeadNormRotary implements AutoCloseable {
  private Angles angles = new Angles(0, 0, 0);
  private Temporaries tables = new Temporaries(); // live until other angles are asked for
  private INDArray cosines;
  private INDArray sines;

  /** What the tables, [1, sequence, 1, headDim / 2], were made for. */
  private record Angles(int sequence, int headDim, double theta) {}

  /** The heads of one kind: their first column, their place in inverseRms, their number. */
  private record Heads(int column, int first, int count) {
    static Heads queries(AttentionShape shape) {
      return new Heads(0, 0, shape.heads());
    }

    static Heads keys(AttentionShape shape) {
      return new Heads(shape.queryWidth(), shape.heads(), shape.kvHeads());
    }

    /** [B, S, n, width] from element {@code skip} of each head. */
    INDArray window(Tensor qkv, AttentionShape shape, int skip, int width) {
      long row = shape.qkvWidth();
      return Views.strided(
          qkv,
          column + skip,
          new long[] {shape.batch(), shape.sequence(), count, width},
          new long[] {shape.sequence() * row, row, shape.headDim(), 1});
    }

    /** All heads as rows [T·n, D] (a copy). */
    INDArray rows(Temporaries t, Tensor qkv, AttentionShape shape) {
      int width = shape.headDim();
      return t.copy(window(qkv, shape, 0, width)).reshape((long) shape.tokens() * count, width);
    }
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
    prepare(new Angles(shape.sequence(), shape.headDim(), ropeTheta), Views.of(qkv).dataType());
    forward(out, inverseRms, qkv, queryWeight, shape, epsilon, Heads.queries(shape));
    forward(out, inverseRms, qkv, keyWeight, shape, epsilon, Heads.keys(shape));
    copyValues(out, qkv, shape);
  }

  private void forward(
      Tensor out,
      Tensor inverseRms,
      Tensor qkv,
      Tensor weight,
      AttentionShape shape,
      double epsilon,
      Heads heads) {
    int half = shape.headDim() / 2;
    try (Temporaries t = new Temporaries()) {
      INDArray x = heads.rows(t, qkv, shape);
      INDArray r = t.array(x.dataType(), x.size(0), 1);
      INDArray normed = t.array(x.dataType(), x.shape());
      RmsNorm.forward(normed, r, x, Views.row(weight), epsilon);
      Views.columns(inverseRms, heads.first, heads.count)
          .assign(r.reshape(shape.tokens(), heads.count));
      INDArray a = half(normed, 0, shape, heads);
      INDArray b = half(normed, half, shape, heads);
      INDArray outA = heads.window(out, shape, 0, half);
      INDArray outB = heads.window(out, shape, half, half);
      a.muli(cosines, outA);
      outA.subi(t.keep(b.mul(sines)));
      b.muli(cosines, outB);
      outB.addi(t.keep(a.mul(sines)));
    }
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
    prepare(new Angles(shape.sequence(), shape.headDim(), ropeTheta), Views.of(qkv).dataType());
    Heads queries = Heads.queries(shape);
    Heads keys = Heads.keys(shape);
    backward(dQkv, dQueryWeight, dOut, inverseRms, qkv, queryWeight, shape, queries);
    backward(dQkv, dKeyWeight, dOut, inverseRms, qkv, keyWeight, shape, keys);
    copyValues(dQkv, dOut, shape);
  }

  private void backward(
      Tensor dQkv,
      Tensor dWeight,
      Tensor dOut,
      Tensor inverseRms,
      Tensor qkv,
      Tensor weight,
      AttentionShape shape,
      Heads heads) {
    int half = shape.headDim() / 2;
    try (Temporaries t = new Temporaries()) {
      INDArray x = heads.rows(t, qkv, shape);
      INDArray dA = heads.window(dOut, shape, 0, half);
      INDArray dB = heads.window(dOut, shape, half, half);
      INDArray dNormed = t.array(x.dataType(), x.shape());
      INDArray turnedA = half(dNormed, 0, shape, heads);
      INDArray turnedB = half(dNormed, half, shape, heads);
      dA.muli(cosines, turnedA);
      turnedA.addi(t.keep(dB.mul(sines)));
      dB.muli(cosines, turnedB);
      turnedB.subi(t.keep(dA.mul(sines)));

      INDArray r =
          t.copy(Views.columns(inverseRms, heads.first, heads.count)).reshape(x.size(0), 1);
      INDArray dX = t.zeros(x.dataType(), x.shape());
      RmsNorm.backward(dX, Views.row(dWeight), dNormed, r, x, Views.row(weight));
      INDArray window = heads.window(dQkv, shape, 0, shape.headDim());
      window.assign(dX.reshape(window.shape()));
    }
  }

  /** Half of each row of [T·n, D] as [B, S, n, D/2]. */
  private static INDArray half(INDArray rows, int from, AttentionShape shape, Heads heads) {
    long width = shape.headDim();
    long token = heads.count * width;
    return Views.strided(
        rows,
        from,
        new long[] {shape.batch(), shape.sequence(), heads.count, width / 2},
        new long[] {shape.sequence() * token, token, width, 1});
  }

  private static void copyValues(Tensor target, Tensor source, AttentionShape shape) {
    int column = shape.queryWidth() + shape.keyWidth();
    Views.columns(target, column, shape.keyWidth())
        .assign(Views.columns(source, column, shape.keyWidth()));
  }

  private void prepare(Angles wanted, DataType type) {
    if (wanted.equals(angles)) {
      return;
    }
    tables.close();
    tables = new Temporaries();
    int half = wanted.headDim / 2;
    double[] cos = new double[wanted.sequence * half];
    double[] sin = new double[wanted.sequence * half];
    for (int position = 0; position < wanted.sequence; position++) {
      for (int i = 0; i < half; i++) {
        double phi = position * Math.pow(wanted.theta, -2.0 * i / wanted.headDim);
        cos[position * half + i] = Math.cos(phi);
        sin[position * half + i] = Math.sin(phi);
      }
    }
    cosines = tables.keep(Transfer.fromHost(cos, type, 1, wanted.sequence, 1, half));
    sines = tables.keep(Transfer.fromHost(sin, type, 1, wanted.sequence, 1, half));
    angles = wanted;
  }

  @Override
  public void close() {
    tables.close();
  }
}
