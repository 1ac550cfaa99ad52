package org.metier.engine.kernel.nd4j;

/** Checks of the indices that the host hands in: on a device a wrong one reads foreign memory. */
final class HostIndices {
  private HostIndices() {}

  /**
   * @param name op and argument, for the message: {@code "embedding tokens"}
   * @throws IllegalArgumentException unless the first {@code count} indices lie in [least, bound)
   */
  static void requireRange(String name, int[] indices, int count, int least, int bound) {
    if (indices.length < count) {
      throw new IllegalArgumentException(
          "%s: %d elements, needs %d".formatted(name, indices.length, count));
    }
    for (int i = 0; i < count; i++) {
      if (indices[i] < least || indices[i] >= bound) {
        throw new IllegalArgumentException(
            "%s: element %d is %d, must lie in [%d, %d)"
                .formatted(name, i, indices[i], least, bound));
      }
    }
  }
}
