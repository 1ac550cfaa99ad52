package org.metier.engine.tensor;

import java.util.Arrays;

/**
 * A dense, row-major window on a {@link Storage}: an offset and a shape. A tensor owns nothing and
 * copies nothing; views share the storage.
 */
public final class Tensor {
  private final Storage storage;
  private final int offset;
  private final int[] shape;
  private final int size;

  /**
   * @param storage where the elements lie
   * @param offset index of the first element in the storage
   * @param shape extents, outermost first; every extent is at least 0
   * @throws IllegalArgumentException if the window does not lie inside the storage
   */
  public Tensor(Storage storage, int offset, int... shape) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape.clone();
    this.size = sizeOf(shape);
    if (offset < 0 || (long) offset + size > storage.length()) {
      throw new IllegalArgumentException(
          "tensor %s at offset %d does not fit a storage of %d elements"
              .formatted(Arrays.toString(shape), offset, storage.length()));
    }
  }

  /** Number of elements of a shape. */
  public static int sizeOf(int... shape) {
    long product = 1;
    for (int extent : shape) {
      if (extent < 0) {
        throw new IllegalArgumentException("negative extent in " + Arrays.toString(shape));
      }
      product *= extent;
      if (product > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "shape " + Arrays.toString(shape) + " has more than 2^31 - 1 elements");
      }
    }
    return (int) product;
  }

  public Storage storage() {
    return storage;
  }

  /** Index of the first element in the storage. */
  public int offset() {
    return offset;
  }

  /** Number of elements. */
  public int size() {
    return size;
  }

  /** Number of dimensions. */
  public int rank() {
    return shape.length;
  }

  /** Extent of one dimension, 0 being the outermost. */
  public int dim(int axis) {
    return shape[axis];
  }

  /** Extent of the outermost dimension. */
  public int rows() {
    return shape[0];
  }

  /** Elements per index of the outermost dimension. */
  public int rowSize() {
    int product = 1;
    for (int axis = 1; axis < shape.length; axis++) {
      product *= shape[axis];
    }
    return product;
  }

  /** The first {@code count} indices of the outermost dimension. */
  public Tensor firstRows(int count) {
    return rows(0, count);
  }

  /** Indices {@code [from, from + count)} of the outermost dimension. */
  public Tensor rows(int from, int count) {
    if (from < 0 || count < 0 || from + count > shape[0]) {
      throw new IllegalArgumentException(
          "rows [%d, %d) of %s".formatted(from, from + count, Arrays.toString(shape)));
    }
    int[] viewShape = shape.clone();
    viewShape[0] = count;
    return new Tensor(storage, offset + from * rowSize(), viewShape);
  }

  /** The same elements under another shape of the same size. */
  public Tensor reshape(int... newShape) {
    if (sizeOf(newShape) != size) {
      throw new IllegalArgumentException(
          Arrays.toString(shape) + " cannot be seen as " + Arrays.toString(newShape));
    }
    return new Tensor(storage, offset, newShape);
  }

  /** Extents, outermost first (a copy). */
  public int[] shape() {
    return shape.clone();
  }

  @Override
  public String toString() {
    return "Tensor" + Arrays.toString(shape) + "@" + offset;
  }
}
