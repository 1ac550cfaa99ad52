package org.metier.model.moe;

import java.util.ArrayList;
import java.util.List;
import org.metier.engine.kernel.ExpertCapacity;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.Tensor;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.layer.Parameter;

/**
 * Experts of equal width side by side, which one call of the kernels computes. A usual layer has
 * one group with all its experts; with {@code expertWidths} there is one for each run of equal
 * widths, so equal ones belong next to each other.
 *
 * @param first number of its first expert in the layer
 * @param width f of its experts
 * @param gateUp [n, 2f, d]
 * @param down [n, d, f]
 * @param routing of its experts; the layer's own where it has but one group
 */
record ExpertGroup(int first, int width, Parameter gateUp, Parameter down, Routing routing) {

  /** The groups of one layer, by expert. */
  static List<ExpertGroup> of(
      ModelConfig c, FlatParameters parameters, int layer, Routing all, int maxTokens) {
    List<ExpertGroup> groups = new ArrayList<>();
    int d = c.hiddenSize();
    int end;
    for (int first = 0; first < c.numExperts(); first = end) {
      int f = c.expertWidth(first);
      end = first + 1;
      while (end < c.numExperts() && c.expertWidth(end) == f) {
        end++;
      }
      int n = end - first;
      Routing own =
          n == c.numExperts()
              ? all
              : new Routing(maxTokens, n, 1, c.topK(), ExpertCapacity.UNLIMITED);
      groups.add(
          new ExpertGroup(
              first,
              f,
              Parameter.span(parameters, Parameters.expert(layer, first, "gate_proj"), n, 2 * f, d),
              Parameter.span(parameters, Parameters.expert(layer, first, "down_proj"), n, d, f),
              own));
    }
    return groups;
  }

  /** Numbers that a token's chosen experts keep for the backward pass, at most. */
  static int gateUpOfToken(ModelConfig c) {
    List<Integer> widths = new ArrayList<>();
    for (int e = 0; e < c.numExperts(); e++) {
      widths.add(c.expertWidth(e));
    }
    return widths.stream()
        .sorted((a, b) -> b - a)
        .limit(c.topK())
        .mapToInt(width -> 2 * width)
        .sum();
  }

  /** Follows the layer's routing after each forward pass. */
  void follow(Routing all) {
    if (routing != all) {
      routing.takeExperts(all, first);
    }
  }

  /** Rows [R, 2f] of this group within what all groups share, after {@code used} numbers. */
  Tensor gateUpRows(Tensor shared, int used) {
    return new Tensor(shared.storage(), shared.offset() + used, routing.rows(), 2 * width);
  }
}
