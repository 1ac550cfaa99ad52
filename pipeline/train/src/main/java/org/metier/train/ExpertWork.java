package org.metier.train;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Collection;
import org.metier.engine.kernel.Routing;
import org.metier.model.ModelConfig;

/**
 * What became of the router's choices: null experts and capacities make the work of a token vary.
 *
 * @param dropped [L][n] choices that each expert had no room for
 * @param tokensByExperts [L][k + 1] tokens that so many experts computed, from none to k
 */
public record ExpertWork(long[][] dropped, long[][] tokensByExperts) implements Serializable {

  static ExpertWork none(ModelConfig m) {
    return none(m.numLayers(), m.numExperts(), m.topK());
  }

  static ExpertWork none(int layers, int experts, int topK) {
    return new ExpertWork(new long[layers][experts], new long[layers][topK + 1]);
  }

  static ExpertWork of(Collection<WorkerReport> reports) {
    ExpertWork first = reports.iterator().next().work();
    ExpertWork sum =
        none(first.dropped.length, first.dropped[0].length, first.tokensByExperts[0].length - 1);
    for (WorkerReport report : reports) {
      for (int l = 0; l < sum.dropped.length; l++) {
        add(sum.dropped[l], report.work().dropped[l]);
        add(sum.tokensByExperts[l], report.work().tokensByExperts[l]);
      }
    }
    return sum;
  }

  /** Adds a micro-batch of one layer. */
  void add(int layer, Routing routing) {
    for (int e = 0; e < routing.numExperts(); e++) {
      dropped[layer][e] += routing.dropped[e];
    }
    routing.addTokensByExperts(tokensByExperts[layer]);
  }

  private static void add(long[] sum, long[] terms) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += terms[i];
    }
  }

  /** Mean over tokens and layers of the experts that computed a token: AdaMoE's load. */
  double expertsPerToken() {
    double experts = 0;
    double tokens = 0;
    for (long[] layer : tokensByExperts) {
      for (int a = 0; a < layer.length; a++) {
        experts += (double) a * layer[a];
        tokens += layer[a];
      }
    }
    return tokens == 0 ? 0 : experts / tokens;
  }

  /** Share of the choices of experts, nulls left out, that was dropped. */
  double droppedShare() {
    double computed = 0;
    double turnedAway = 0;
    for (int l = 0; l < dropped.length; l++) {
      turnedAway += Arrays.stream(dropped[l]).sum();
      for (int a = 0; a < tokensByExperts[l].length; a++) {
        computed += (double) a * tokensByExperts[l][a];
      }
    }
    return turnedAway == 0 ? 0 : turnedAway / (turnedAway + computed);
  }

  /** [L][n] of counts [L][n + m]: those of the experts, without the nulls. */
  long[][] ofExperts(long[][] counts) {
    long[][] ofExperts = new long[counts.length][];
    for (int l = 0; l < counts.length; l++) {
      ofExperts[l] = Arrays.copyOf(counts[l], dropped[l].length);
    }
    return ofExperts;
  }
}
