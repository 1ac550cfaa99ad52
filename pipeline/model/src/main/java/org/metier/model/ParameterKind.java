package org.metier.model;

/** What a parameter is, as far as the optimiser treats parameters differently. */
public enum ParameterKind {
  /** A matrix of attention or of an expert. */
  MATRIX,
  /** The table of input embeddings. */
  EMBEDDING,
  /** The output head. */
  HEAD,
  /** A layer's router. */
  ROUTER,
  /** The scales of a norm. */
  NORM;

  /**
   * The kind of a parameter.
   *
   * @param name as {@link Parameters} gives it
   */
  public static ParameterKind of(String name) {
    if (name.equals(Parameters.EMBEDDING)) {
      return EMBEDDING;
    } else if (name.equals(Parameters.HEAD)) {
      return HEAD;
    } else if (name.endsWith("norm.weight")) {
      return NORM;
    }
    return name.endsWith(".mlp.gate.weight") ? ROUTER : MATRIX;
  }
}
