package org.metier.model.layer;

import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.Tensor;

/**
 * A parameter as a layer sees it: its value and, when training, its gradient.
 *
 * @param value never written by a layer
 * @param gradient added to by backward passes; the value itself where parameters are for evaluation
 *     only, since nothing may run backward then
 */
public record Parameter(Tensor value, Tensor gradient) {

  /** One named parameter. */
  public static Parameter of(FlatParameters parameters, String name) {
    int[] shape = parameters.layout().slice(name).shape();
    return span(parameters, name, shape);
  }

  /** A run of parameters that starts at {@code first}, seen as one tensor. */
  public static Parameter span(FlatParameters parameters, String first, int... shape) {
    Tensor value = parameters.span(Role.VALUE, first, shape);
    Tensor gradient = parameters.trainable() ? parameters.span(Role.GRADIENT, first, shape) : value;
    return new Parameter(value, gradient);
  }
}
