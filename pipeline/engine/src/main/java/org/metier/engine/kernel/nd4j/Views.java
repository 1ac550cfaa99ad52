package org.metier.engine.kernel.nd4j;

import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * ND4J arrays over the elements of tensors. They copy nothing: what is written to them is written
 * to the tensor. Built from offset and strides, since ND4J's own slicing may copy.
 */
final class Views {
  private Views() {}

  /** A tensor under its own shape. */
  static INDArray of(Tensor tensor) {
    return as(tensor, tensor.shape());
  }

  /** A tensor under another shape of the same size. */
  static INDArray as(Tensor tensor, int... shape) {
    long[] extents = new long[shape.length];
    long[] strides = new long[shape.length];
    long stride = 1;
    for (int axis = shape.length - 1; axis >= 0; axis--) {
      extents[axis] = shape[axis];
      strides[axis] = stride;
      stride *= shape[axis];
    }
    return strided(tensor, 0, extents, strides);
  }

  /** A vector [n] as one column [n, 1], which broadcasts over the columns of a matrix. */
  static INDArray column(Tensor vector) {
    return as(vector, vector.size(), 1);
  }

  /** A vector [n] as one row [1, n], which broadcasts over the rows of a matrix. */
  static INDArray row(Tensor vector) {
    return as(vector, 1, vector.size());
  }

  /** Columns {@code [from, from + count)} of a matrix. */
  static INDArray columns(Tensor matrix, int from, int count) {
    long[] shape = {matrix.dim(0), count};
    long[] strides = {matrix.dim(1), 1};
    return strided(matrix, from, shape, strides);
  }

  /**
   * Any regular window.
   *
   * @param first index within the tensor of the window's first element
   */
  static INDArray strided(Tensor tensor, long first, long[] shape, long[] strides) {
    INDArray values = ((Nd4jStorage) tensor.storage()).values();
    return strided(values, tensor.offset() + first, shape, strides);
  }

  /** Elements {@code [from, from + count)} of a tensor as a vector. */
  static INDArray piece(Tensor tensor, int from, int count) {
    long[] shape = {count};
    long[] strides = {1};
    return strided(tensor, from, shape, strides);
  }

  /** A regular window on a row-major array of the op. */
  static INDArray strided(INDArray array, long first, long[] shape, long[] strides) {
    INDArray view = Nd4j.create(array.data(), shape, strides, array.offset() + first, 'c');
    view.setCloseable(false); // closing a view of all elements would free what it looks at
    return view;
  }
}
