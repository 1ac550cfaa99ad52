package org.metier.engine.kernel.reference;

import java.util.Arrays;
import org.metier.engine.tensor.Tensor;

/**
 * A tensor of the reference backend, read and written by index: {@code x.get(t, i)} is x[t, i]. The
 * ops below are written in terms of it, so that they read like their formulas.
 */
final class View {
  private final Tensor tensor;
  private final double[] values;
  private final int offset;

  /** Elements per index of the last dimension but one. */
  private final int columns;

  /** Elements per index of the last dimension but two. */
  private final int plane;

  private View(Tensor tensor, double[] values) {
    int rank = tensor.rank();
    this.tensor = tensor;
    this.values = values;
    this.offset = tensor.offset();
    this.columns = rank >= 1 ? tensor.dim(rank - 1) : 1;
    this.plane = rank >= 2 ? tensor.dim(rank - 2) * columns : columns;
  }

  /**
   * @throws IllegalArgumentException if another backend owns the tensor's storage
   */
  static View of(Tensor tensor) {
    if (tensor.storage() instanceof DoubleStorage storage) {
      return new View(tensor, storage.values());
    }
    throw new IllegalArgumentException(
        "the reference kernels cannot read " + tensor + ": another backend owns its storage");
  }

  int dim(int axis) {
    return tensor.dim(axis);
  }

  int size() {
    return tensor.size();
  }

  double get(int i) {
    return values[offset + i];
  }

  double get(int row, int column) {
    return values[offset + row * columns + column];
  }

  double get(int matrix, int row, int column) {
    return values[offset + matrix * plane + row * columns + column];
  }

  void set(int i, double value) {
    values[offset + i] = value;
  }

  void set(int row, int column, double value) {
    values[offset + row * columns + column] = value;
  }

  void add(int i, double value) {
    values[offset + i] += value;
  }

  void add(int row, int column, double value) {
    values[offset + row * columns + column] += value;
  }

  void add(int matrix, int row, int column, double value) {
    values[offset + matrix * plane + row * columns + column] += value;
  }

  void fill(double value) {
    Arrays.fill(values, offset, offset + tensor.size(), value);
  }

  /**
   * @param name op and argument, for the message: {@code "linear w"}
   * @throws IllegalArgumentException if the tensor has another number of dimensions
   */
  void requireRank(String name, int rank) {
    if (tensor.rank() != rank) {
      throw new IllegalArgumentException(
          "%s: shape %s, expected %d dimensions"
              .formatted(name, Arrays.toString(tensor.shape()), rank));
    }
  }

  /**
   * @param name op and argument, for the message: {@code "linear w"}
   * @throws IllegalArgumentException if the tensor has another shape
   */
  void requireShape(String name, int... shape) {
    if (!Arrays.equals(tensor.shape(), shape)) {
      throw new IllegalArgumentException(
          "%s: shape %s, expected %s"
              .formatted(name, Arrays.toString(tensor.shape()), Arrays.toString(shape)));
    }
  }

  /**
   * @throws IllegalArgumentException if the tensor has another number of elements
   */
  void requireSize(String name, int size) {
    if (tensor.size() != size) {
      throw new IllegalArgumentException(
          "%s: shape %s, expected %d elements"
              .formatted(name, Arrays.toString(tensor.shape()), size));
    }
  }

  /**
   * Holds the caller to the rule that destinations never overlap sources; a fast backend may break
   * silently where it is broken.
   *
   * @throws IllegalArgumentException if this tensor shares an element with one of {@code others}
   */
  void requireDisjoint(String name, View... others) {
    for (View other : others) {
      boolean apart =
          values != other.values
              || offset + size() <= other.offset
              || other.offset + other.size() <= offset
              || size() == 0
              || other.size() == 0;
      if (!apart) {
        throw new IllegalArgumentException(
            "%s: %s overlaps %s".formatted(name, tensor, other.tensor));
      }
    }
  }
}
