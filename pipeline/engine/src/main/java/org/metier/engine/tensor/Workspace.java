package org.metier.engine.tensor;

import java.util.function.Function;
import java.util.function.IntFunction;

/**
 * An arena: one storage handed out front to back. A model takes all its activations from it before
 * the first step, so that no step allocates. Regions whose lifetimes do not overlap share memory by
 * {@link #mark} and {@link #release}.
 *
 * <p>The size is never guessed: {@link #plan} runs the same layout code against an arena without
 * memory, counts, and only then allocates.
 */
public final class Workspace {
  private final Storage storage;
  private int used;
  private int highWater;

  private Workspace(Storage storage) {
    this.storage = storage;
  }

  /** What {@link #plan} made: the laid-out object and the arena's size in elements. */
  public record Planned<T>(T layout, int elements) {}

  /**
   * Lays {@code layout} out twice: once to count, once in memory of exactly that size.
   *
   * @param allocate makes a zeroed storage of the given number of elements
   */
  public static <T> Planned<T> plan(IntFunction<Storage> allocate, Function<Workspace, T> layout) {
    int elements = count(layout);
    Workspace workspace = new Workspace(allocate.apply(elements));
    return new Planned<>(layout.apply(workspace), elements);
  }

  /** Elements that {@code layout} needs; allocates nothing. */
  public static int count(Function<Workspace, ?> layout) {
    Workspace counting = new Workspace(() -> Integer.MAX_VALUE);
    layout.apply(counting);
    return counting.highWater;
  }

  /** The next free elements as a tensor; their content is undefined. */
  public Tensor take(int... shape) {
    Tensor tensor = new Tensor(storage, used, shape);
    // Offsets stay multiples of 16 floats, so that rows start on cache lines.
    used = Math.addExact(used, (tensor.size() + 15) & ~15);
    highWater = Math.max(highWater, used);
    return tensor;
  }

  /** The current position, for {@link #release}. */
  public int mark() {
    return used;
  }

  /** Frees everything taken since {@code mark}; those tensors must no longer be used. */
  public void release(int mark) {
    used = mark;
  }
}
