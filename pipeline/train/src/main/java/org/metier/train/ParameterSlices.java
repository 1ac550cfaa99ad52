package org.metier.train;

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * How blocks are cut for travel: pieces of at most {@code train.sliceMegabytes}, so that no object
 * nears Spark's and Java's 2 GB limits, as raw little-endian float32.
 *
 * @param slices all pieces, in order
 */
record ParameterSlices(List<Slice> slices) implements Serializable {

  /**
   * One piece of one block.
   *
   * @param id position in the list
   * @param from first element
   * @param count elements
   */
  record Slice(int id, Block block, int from, int count) implements Serializable {
    int bytes() {
      return count * Float.BYTES;
    }
  }

  /**
   * Cuts blocks of {@code size} elements each.
   *
   * @param parallelism pieces that can be reduced at a time; there are at least as many in all
   */
  static ParameterSlices cut(List<Block> blocks, int size, int maxBytes, int parallelism) {
    int wanted = (int) Math.ceil((double) size * blocks.size() / parallelism);
    int piece = Math.max(1, Math.min(maxBytes / Float.BYTES, Math.min(wanted, size)));
    List<Slice> slices = new ArrayList<>();
    for (Block block : blocks) {
      for (int from = 0; from < size; from += piece) {
        int count = Math.min(piece, size - from);
        slices.add(new Slice(slices.size(), block, from, count));
      }
    }
    return new ParameterSlices(List.copyOf(slices));
  }

  /** The slices of some of the blocks; they keep their ids. */
  ParameterSlices of(List<Block> blocks) {
    return new ParameterSlices(
        slices.stream().filter(slice -> blocks.contains(slice.block())).toList());
  }

  Slice get(int id) {
    return slices.get(id);
  }

  int size() {
    return slices.size();
  }

  static byte[] encode(float[] values, int from, int count) {
    byte[] bytes = new byte[Math.multiplyExact(count, Float.BYTES)];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(values, from, count);
    return bytes;
  }

  static void decode(byte[] bytes, float[] target, int from) {
    ByteBuffer.wrap(bytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(target, from, bytes.length / Float.BYTES);
  }
}
