package org.metier.engine.kernel.nd4j;

import org.metier.engine.kernel.UniformNoise;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Copies, sums and norms that do not care for shapes. */
final class Elementwise {
  /** Elements per piece of ops that need scratch memory. */
  static final int PIECE = 1 << 20;

  /** Terms that one sum of {@link #squaredNorm} takes; the host adds up the sums. */
  private static final int TERMS = 1 << 10;

  private Elementwise() {}

  static void fill(Tensor target, double value) {
    if (target.size() > 0) {
      Views.piece(target, 0, target.size()).assign(value);
    }
  }

  static void copy(Tensor target, Tensor source) {
    if (target.size() > 0) {
      Views.piece(target, 0, target.size()).assign(Views.piece(source, 0, target.size()));
    }
  }

  static void addScaled(Tensor target, double factor, Tensor source) {
    for (int done = 0, count; done < target.size(); done += count) {
      count = Math.min(PIECE, target.size() - done);
      try (INDArray scaled = Views.piece(source, done, count).mul(factor)) {
        Views.piece(target, done, count).addi(scaled);
      }
    }
  }

  /** The noise is made on the host, whose arithmetic every device shares. */
  static void jitter(Tensor out, Tensor x, double epsilon, int seed, boolean add) {
    for (int done = 0, count; done < x.size(); done += count) {
      count = Math.min(PIECE, x.size() - done);
      double[] factors = new double[count];
      for (int i = 0; i < count; i++) {
        factors[i] = UniformNoise.factor(seed, done + i, epsilon);
      }
      INDArray source = Views.piece(x, done, count);
      INDArray target = Views.piece(out, done, count);
      try (INDArray noise = Transfer.fromHost(factors, source.dataType(), source.shape())) {
        noise.muli(source);
        if (add) {
          target.addi(noise);
        } else {
          target.assign(noise);
        }
      }
    }
  }

  static double squaredNorm(Tensor x) {
    double sum = 0;
    for (int done = 0, count; done < x.size(); done += count) {
      count = Math.min(PIECE, x.size() - done);
      sum += squaredNorm(x, done, count);
    }
    return sum;
  }

  /** The piece is padded with zeros to whole sums, so that any length runs the same op. */
  private static double squaredNorm(Tensor x, int from, int count) {
    try (Temporaries t = new Temporaries()) {
      int sums = (count + TERMS - 1) / TERMS;
      INDArray squares = t.zeros(DataType.DOUBLE, sums, TERMS);
      INDArray values = t.copy(Views.piece(x, from, count), DataType.DOUBLE);
      Views.strided(squares, 0, new long[] {count}, new long[] {1}).assign(values);
      squares.muli(squares);
      double sum = 0;
      for (double part : Transfer.toHost(t.keep(squares.sum(1)))) {
        sum += part;
      }
      return sum;
    }
  }
}
