package org.metier.engine.tensor;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where each named parameter lies in the flat blocks: immutable, and a function of the model's
 * config alone, so that driver and workers agree on it without talking.
 *
 * <p>Parameters that weight decay applies to come first, so that the optimiser needs two passes and
 * no per-parameter test.
 */
public final class ParameterLayout implements Serializable {
  private static final long serialVersionUID = 1L;

  private final LinkedHashMap<String, Slice> slices;
  private final int decayedSize;
  private final int size;

  /**
   * One parameter.
   *
   * @param name as the checkpoint calls it
   * @param offset of its first element in every block
   * @param shape extents, outermost first
   */
  public record Slice(String name, int offset, int[] shape) implements Serializable {
    public int size() {
      return Tensor.sizeOf(shape);
    }
  }

  private ParameterLayout(LinkedHashMap<String, Slice> slices, int decayedSize, int size) {
    this.slices = slices;
    this.decayedSize = decayedSize;
    this.size = size;
  }

  /** Elements of one block. */
  public int size() {
    return size;
  }

  /** Elements that weight decay applies to: {@code [0, decayedSize)}. */
  public int decayedSize() {
    return decayedSize;
  }

  /** All parameters in the order in which they lie. */
  public List<Slice> slices() {
    return List.copyOf(slices.values());
  }

  /**
   * One parameter by name.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public Slice slice(String name) {
    Slice slice = slices.get(name);
    if (slice == null) {
      throw new IllegalArgumentException("no parameter is called " + name);
    }
    return slice;
  }

  /** Collects parameters in the order in which they shall lie. */
  public static final class Builder {
    private final Map<String, int[]> decayed = new LinkedHashMap<>();
    private final Map<String, int[]> plain = new LinkedHashMap<>();

    /** A matrix, to which weight decay applies. */
    public Builder matrix(String name, int... shape) {
      decayed.put(name, shape);
      return this;
    }

    /** A vector of scales, to which it does not. */
    public Builder scale(String name, int length) {
      plain.put(name, new int[] {length});
      return this;
    }

    public ParameterLayout build() {
      LinkedHashMap<String, Slice> slices = new LinkedHashMap<>();
      int decayedSize = append(slices, decayed, 0);
      int size = append(slices, plain, decayedSize);
      return new ParameterLayout(slices, decayedSize, size);
    }

    private static int append(Map<String, Slice> slices, Map<String, int[]> group, int start) {
      int offset = start;
      List<String> names = new ArrayList<>(group.keySet());
      for (String name : names) {
        Slice slice = new Slice(name, offset, group.get(name));
        if (slices.put(name, slice) != null) {
          throw new IllegalArgumentException("two parameters are called " + name);
        }
        offset = Math.addExact(offset, slice.size());
      }
      return offset;
    }
  }
}
