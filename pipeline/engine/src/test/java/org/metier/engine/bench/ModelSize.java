package org.metier.engine.bench;

import org.metier.engine.kernel.AttentionShape;

/**
 * Sizes of a model preset ({@code conf/model/*.conf}) and its micro-batch of 8 sequences: what
 * decides the shapes of a training step's tensors.
 */
record ModelSize(
    int vocabulary,
    int width,
    int heads,
    int kvHeads,
    int headDim,
    int experts,
    int topK,
    int ffn,
    int sequence) {
  private static final int BATCH = 8;

  /**
   * Sizes by the preset's name.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  static ModelSize named(String name) {
    return switch (name) {
      case "tiny" -> new ModelSize(4096, 128, 4, 2, 32, 16, 2, 128, 256);
      case "small" -> new ModelSize(8192, 256, 8, 4, 32, 32, 4, 256, 512);
      case "medium" -> new ModelSize(16384, 512, 8, 4, 64, 32, 4, 512, 512);
      default ->
          throw new IllegalArgumentException(
              "'" + name + "' is no model; there are tiny, small, medium");
    };
  }

  int tokens() {
    return BATCH * sequence;
  }

  AttentionShape attention() {
    return new AttentionShape(BATCH, sequence, heads, kvHeads, headDim);
  }
}
