package org.metier.engine.kernel.nd4j;

import java.util.Arrays;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Copies between host arrays and tensors: the only place that touches host memory of an array. */
final class Transfer {
  /** Elements per piece: bounds the staging memory, and NIO buffers end at 2 GB. */
  private static final int PIECE = 1 << 22;

  private Transfer() {}

  static void upload(Tensor target, float[] source, int sourceOffset) {
    for (int done = 0, count; done < target.size(); done += count) {
      count = Math.min(PIECE, target.size() - done);
      int start = sourceOffset + done;
      try (INDArray staged =
          Nd4j.createFromArray(Arrays.copyOfRange(source, start, start + count))) {
        Views.piece(target, done, count).assign(staged);
      }
    }
  }

  static void upload(Tensor target, double[] source, int sourceOffset) {
    for (int done = 0, count; done < target.size(); done += count) {
      count = Math.min(PIECE, target.size() - done);
      int start = sourceOffset + done;
      try (INDArray staged =
          Nd4j.createFromArray(Arrays.copyOfRange(source, start, start + count))) {
        Views.piece(target, done, count).assign(staged);
      }
    }
  }

  static void download(float[] target, int targetOffset, Tensor source) {
    for (int done = 0, count; done < source.size(); done += count) {
      count = Math.min(PIECE, source.size() - done);
      try (INDArray staged = copy(Views.piece(source, done, count), DataType.FLOAT)) {
        staged.data().asNioFloat().get(target, targetOffset + done, count);
      }
    }
  }

  static void download(double[] target, int targetOffset, Tensor source) {
    for (int done = 0, count; done < source.size(); done += count) {
      count = Math.min(PIECE, source.size() - done);
      try (INDArray staged = copy(Views.piece(source, done, count), DataType.DOUBLE)) {
        staged.data().asNioDouble().get(target, targetOffset + done, count);
      }
    }
  }

  /** All elements of an array of the op, row-major. */
  static double[] toHost(INDArray array) {
    double[] values = new double[Math.toIntExact(array.length())];
    try (INDArray staged = copy(array, DataType.DOUBLE)) {
      staged.data().asNioDouble().get(values);
    }
    return values;
  }

  /** An array of another precision from host numbers; the caller closes it. */
  static INDArray fromHost(double[] values, DataType type, long... shape) {
    try (INDArray staged = Nd4j.createFromArray(values)) {
      INDArray array = Nd4j.createUninitialized(type, shape, 'c');
      array.assign(staged.reshape(shape));
      return array;
    }
  }

  /** A row-major copy in the given type; the caller closes it. */
  static INDArray copy(INDArray array, DataType type) {
    // castTo returns the array itself if there is nothing to cast
    return array.dataType() == type ? array.dup('c') : array.castTo(type);
  }
}
