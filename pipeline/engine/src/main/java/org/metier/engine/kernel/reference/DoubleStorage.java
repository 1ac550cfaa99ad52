package org.metier.engine.kernel.reference;

import org.metier.engine.tensor.Storage;

/** The reference backend's memory. */
record DoubleStorage(double[] values) implements Storage {
  @Override
  public int length() {
    return values.length;
  }
}
