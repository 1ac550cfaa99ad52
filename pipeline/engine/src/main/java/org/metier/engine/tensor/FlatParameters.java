package org.metier.engine.tensor;

import java.util.function.IntFunction;

/**
 * All parameters of a model as flat blocks, one per {@link Role}, cut into named slices by a {@link
 * ParameterLayout}. Averaging, broadcasting, clipping and the optimiser see whole blocks; layers
 * see slices.
 */
public final class FlatParameters {
  private final ParameterLayout layout;
  private final Storage[] blocks;

  /** What a block holds. */
  public enum Role {
    VALUE,
    GRADIENT,
    FIRST_MOMENT,
    SECOND_MOMENT
  }

  private FlatParameters(ParameterLayout layout, Storage[] blocks) {
    this.layout = layout;
    this.blocks = blocks;
  }

  /** Blocks of all four roles. */
  public static FlatParameters forTraining(ParameterLayout layout, IntFunction<Storage> allocate) {
    Storage[] blocks = new Storage[Role.values().length];
    for (Role role : Role.values()) {
      blocks[role.ordinal()] = allocate.apply(layout.size());
    }
    return new FlatParameters(layout, blocks);
  }

  /** Values only: what evaluation needs. */
  public static FlatParameters forEvaluation(
      ParameterLayout layout, IntFunction<Storage> allocate) {
    Storage[] blocks = new Storage[Role.values().length];
    blocks[Role.VALUE.ordinal()] = allocate.apply(layout.size());
    return new FlatParameters(layout, blocks);
  }

  public ParameterLayout layout() {
    return layout;
  }

  /** True if gradients and moments are there. */
  public boolean trainable() {
    return blocks[Role.GRADIENT.ordinal()] != null;
  }

  /** A whole block as a vector. */
  public Tensor block(Role role) {
    return block(role, 0, layout.size());
  }

  /** Elements {@code [from, from + count)} of a block. */
  public Tensor block(Role role, int from, int count) {
    return new Tensor(storage(role), from, count);
  }

  /** One named parameter in a block. */
  public Tensor slice(Role role, String name) {
    ParameterLayout.Slice slice = layout.slice(name);
    return new Tensor(storage(role), slice.offset(), slice.shape());
  }

  /**
   * A run of parameters that lie one after the other, seen as one tensor: the projections q, k, v,
   * or the gate and up matrices of all experts.
   *
   * @param first name of the first parameter of the run
   */
  public Tensor span(Role role, String first, int... shape) {
    return new Tensor(storage(role), layout.slice(first).offset(), shape);
  }

  private Storage storage(Role role) {
    Storage storage = blocks[role.ordinal()];
    if (storage == null) {
      throw new IllegalStateException("parameters for evaluation have no block " + role);
    }
    return storage;
  }
}
