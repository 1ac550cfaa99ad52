package org.metier.engine.kernel.nd4j;

import java.util.ArrayList;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Arrays with a common end of life, most often that of one op. ND4J frees device memory when the
 * garbage collector finds their small Java objects, which may be far too late; here it is freed
 * when the scope ends.
 */
final class Temporaries implements AutoCloseable {
  private final List<INDArray> arrays = new ArrayList<>();

  /** Frees {@code array} at the end of the scope; a view may be given too and is left alone. */
  INDArray keep(INDArray array) {
    arrays.add(array);
    return array;
  }

  /** A row-major copy. */
  INDArray copy(INDArray array) {
    return keep(array.dup('c'));
  }

  /** A row-major copy in the given type. */
  INDArray copy(INDArray array, DataType type) {
    return keep(Transfer.copy(array, type));
  }

  /** A row-major array with undefined content. */
  INDArray array(DataType type, long... shape) {
    return keep(Nd4j.createUninitialized(type, shape, 'c'));
  }

  /** A row-major array of zeros. */
  INDArray zeros(DataType type, long... shape) {
    return keep(Nd4j.create(type, shape));
  }

  @Override
  public void close() {
    for (INDArray array : arrays) {
      array.close();
    }
  }
}
