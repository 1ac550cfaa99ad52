package org.metier.engine.tensor;

/**
 * One allocation of numbers that a backend owns. What lies behind it (a {@code float[]}, a {@code
 * double[]}, device memory) is known to the backend alone; everything above the kernels sees only
 * its length.
 */
public interface Storage {

  /** Number of elements. */
  int length();
}
