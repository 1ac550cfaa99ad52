package org.metier.engine.kernel.contract;

import java.util.Arrays;
import org.metier.engine.kernel.DropPolicy;
import org.metier.engine.kernel.ExpertCapacity;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.kernel.Routing;

/** Routings to run ops on. */
final class Routings {
  private Routings() {}

  /** Which experts get any tokens. */
  enum Load {
    SPREAD,
    FIRST_EXPERTS_ONLY,
    LAST_EXPERTS_ONLY,
    ODD_EXPERTS_ONLY;

    private int[] pool(int experts, int topK) {
      int[] pool =
          switch (this) {
            case SPREAD -> range(0, experts, 1);
            case FIRST_EXPERTS_ONLY -> range(0, topK, 1);
            case LAST_EXPERTS_ONLY -> range(experts - topK, experts, 1);
            case ODD_EXPERTS_ONLY -> range(1, experts, 2);
          };
      if (pool.length < topK) {
        throw new IllegalArgumentException("too few experts for " + this);
      }
      return pool;
    }
  }

  /** A routing with room for more tokens and with leftovers of an earlier use in every field. */
  static Routing used(int tokens, int experts, int topK) {
    return used(tokens, experts, topK, RouterScoring.SOFTMAX);
  }

  /** The same, of a router with these scores. */
  static Routing used(int tokens, int experts, int topK, RouterScoring scoring) {
    return used(new Routing(tokens + 4, experts, topK, scoring), tokens);
  }

  /** The same with null experts and a capacity. */
  static Routing used(int tokens, int experts, int nulls, int topK, ExpertCapacity capacity) {
    return used(new Routing(tokens + 4, experts, nulls, topK, capacity), tokens);
  }

  private static Routing used(Routing routing, int tokens) {
    Arrays.fill(routing.expertOfSlot, routing.numExperts() - 1);
    Arrays.fill(routing.probabilityOfSlot, 7);
    routing.sortByExpert(tokens + 4);
    Arrays.fill(routing.probabilitySum, 1e6);
    Arrays.fill(routing.gateMass, 1e6);
    routing.scoreSum = 1e6;
    routing.squaredLogSumExp = 1e6;
    return routing;
  }

  /** k different experts for each token, drawn from those that {@code load} permits. */
  static Routing random(Trial trial, int tokens, int experts, int topK, Load load) {
    Routing routing = used(tokens, experts, topK);
    draw(trial, tokens, routing, load.pool(experts, topK));
    return routing;
  }

  /** k different columns for each token, and of what falls to an expert only so much. */
  static Routing sparse(Trial trial, int tokens, int experts, int nulls, int topK, double factor) {
    ExpertCapacity capacity = new ExpertCapacity(factor, DropPolicy.POSITION);
    Routing routing = used(tokens, experts, nulls, topK, capacity);
    draw(trial, tokens, routing, range(0, experts + nulls, 1));
    return routing;
  }

  private static void draw(Trial trial, int tokens, Routing routing, int[] pool) {
    int topK = routing.topK();
    for (int t = 0; t < tokens; t++) {
      for (int j = 0; j < topK; j++) {
        int drawn = trial.random().nextInt(j, pool.length);
        int expert = pool[drawn];
        pool[drawn] = pool[j];
        pool[j] = expert;
        routing.expertOfSlot[t * topK + j] = expert;
      }
    }
    routing.sortByExpert(tokens);
  }

  private static int[] range(int from, int to, int step) {
    int[] values = new int[(to - from + step - 1) / step];
    for (int i = 0; i < values.length; i++) {
      values[i] = from + i * step;
    }
    return values;
  }
}
