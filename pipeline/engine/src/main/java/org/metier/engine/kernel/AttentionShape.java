package org.metier.engine.kernel;

/**
 * Shape of grouped-query attention over a batch of equally long sequences.
 *
 * @param batch sequences
 * @param sequence positions per sequence
 * @param heads query heads
 * @param kvHeads key and value heads; divides {@code heads}; query head h reads kv head {@code h /
 *     (heads / kvHeads)}
 * @param headDim width of one head; even, since rotation pairs its halves
 */
public record AttentionShape(int batch, int sequence, int heads, int kvHeads, int headDim) {
  public AttentionShape {
    if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          "heads (%d) must be a multiple of kvHeads (%d)".formatted(heads, kvHeads));
    }
    if (headDim < 2 || headDim % 2 != 0) {
      throw new IllegalArgumentException("headDim (" + headDim + ") must be even");
    }
  }

  /** Rows of the activations: batch × sequence. */
  public int tokens() {
    return batch * sequence;
  }

  /** Columns of the query block. */
  public int queryWidth() {
    return heads * headDim;
  }

  /** Columns of the key block, and of the value block. */
  public int keyWidth() {
    return kvHeads * headDim;
  }

  /** Columns of the joined projection: queries, then keys, then values. */
  public int qkvWidth() {
    return queryWidth() + 2 * keyWidth();
  }
}
