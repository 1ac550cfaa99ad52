package org.metier.engine.kernel.reference;

/** Checks of the arrays that stay on the host on every backend. */
final class HostArrays {
  private HostArrays() {}

  /** Content beyond the rows of the tensors is ignored, so longer arrays are welcome. */
  static void requireLength(String name, int length, int needed) {
    if (length < needed) {
      throw new IllegalArgumentException(
          "%s: %d elements, needs %d".formatted(name, length, needed));
    }
  }
}
