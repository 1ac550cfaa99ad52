package org.metier.analysis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;

/**
 * All segments of one layer as plain arrays, ordered by (sequence, domain), so that whatever is
 * computed from them depends on the rows alone and not on how Spark had partitioned them.
 *
 * <p>Shapes: S segments, D domains in alphabetical order, E experts.
 */
final class LayerRouting {
  final int layer;
  final int numExperts;

  /** m of the E that are null experts, the last. */
  final int nullExperts;

  /** k, experts per token. */
  final int topK;

  /** [D] names. */
  final String[] domains;

  /** [S] number of the sequence, not decreasing. */
  final long[] sequence;

  /** [S] index into {@link #domains}. */
  final int[] domain;

  /** [S][E] tokens per segment and expert. */
  final long[][] expertTokens;

  /** C, classes of tokens. */
  final int numClasses;

  /** [S][C·E] tokens per segment, class and expert. */
  final long[][] classTokens;

  /** [D][E] tokens per domain and expert. */
  final long[][] domainExpertTokens;

  /** [D][E] gate weight, added up in the order of the sequences. */
  final double[][] domainGateMass;

  /** [D][E - m] tokens that each expert turned away. */
  final long[][] domainDropped;

  /** [D] tokens. */
  final long[] domainTokens;

  final long totalTokens;
  final double scoreSum;

  private LayerRouting(int layer, List<Segment> ordered, String[] domains) {
    this.layer = layer;
    this.domains = domains;
    int segments = ordered.size();
    numExperts = ordered.get(0).expertTokens.length;
    nullExperts = numExperts - ordered.get(0).dropped.length;
    topK = topK(layer, ordered.get(0));
    numClasses = ordered.get(0).classTokens.length / numExperts;
    classTokens = new long[segments][];
    sequence = new long[segments];
    domain = new int[segments];
    expertTokens = new long[segments][];
    domainExpertTokens = new long[domains.length][numExperts];
    domainGateMass = new double[domains.length][numExperts];
    domainDropped = new long[domains.length][numExperts - nullExperts];
    domainTokens = new long[domains.length];
    double scores = 0;
    long total = 0;
    for (int s = 0; s < segments; s++) {
      Segment segment = ordered.get(s);
      check(segment);
      int d = Arrays.binarySearch(domains, segment.domain);
      sequence[s] = segment.sequence;
      domain[s] = d;
      expertTokens[s] = segment.expertTokens;
      classTokens[s] = segment.classTokens;
      domainTokens[d] += segment.tokens;
      total += segment.tokens;
      scores += segment.scoreSum;
      add(segment.expertTokens, domainExpertTokens[d]);
      add(segment.dropped, domainDropped[d]);
      for (int e = 0; e < numExperts; e++) {
        domainGateMass[d][e] += segment.gateMass[e];
      }
    }
    totalTokens = total;
    scoreSum = scores;
  }

  /**
   * @param segments in any order; at least one
   * @throws IllegalArgumentException when the rows contradict each other; names the row
   */
  static LayerRouting of(int layer, Iterable<Segment> segments) {
    List<Segment> ordered = new ArrayList<>();
    segments.forEach(ordered::add);
    ordered.sort(Comparator.<Segment>comparingLong(s -> s.sequence).thenComparing(s -> s.domain));
    TreeSet<String> domains = new TreeSet<>();
    for (int s = 0; s < ordered.size(); s++) {
      Segment segment = ordered.get(s);
      domains.add(segment.domain);
      if (s > 0
          && segment.sequence == ordered.get(s - 1).sequence
          && segment.domain.equals(ordered.get(s - 1).domain)) {
        throw new IllegalArgumentException(
            "sequence_routing has two rows for " + at(layer, segment));
      }
    }
    return new LayerRouting(layer, ordered, domains.toArray(new String[0]));
  }

  int numDomains() {
    return domains.length;
  }

  /** [E] tokens of each expert over all domains. */
  long[] expertTotals() {
    long[] totals = new long[numExperts];
    for (long[] counts : domainExpertTokens) {
      add(counts, totals);
    }
    return totals;
  }

  /** [E - m] tokens of each expert that computes, over all domains: what is to be even. */
  long[] loads() {
    return Arrays.copyOf(expertTotals(), numExperts - nullExperts);
  }

  /** Tokens of a domain that an expert turned away; none for a null. */
  long dropped(int d, int e) {
    return e < domainDropped[d].length ? domainDropped[d][e] : 0;
  }

  /**
   * Whole arrays, since the JIT compiler uses vector instructions only where both indices agree.
   */
  static void add(long[] from, long[] to) {
    for (int i = 0; i < from.length; i++) {
      to[i] += from[i];
    }
  }

  /** N_ED/N_D, the share of the domain's tokens that reach the expert. */
  double frequency(int d, int e) {
    return (double) domainExpertTokens[d][e] / domainTokens[d];
  }

  private static int topK(int layer, Segment first) {
    long routed = Arrays.stream(first.expertTokens).sum();
    if (first.tokens < 1 || routed < first.tokens || routed % first.tokens != 0) {
      throw new IllegalArgumentException(
          "sequence_routing, %s: expert_tokens sum to %d, no multiple of the %d tokens"
              .formatted(at(layer, first), routed, first.tokens));
    }
    return (int) (routed / first.tokens);
  }

  private void check(Segment segment) {
    if (segment.domain.equals(RoutingSchema.ALL_DOMAINS)) {
      throw new IllegalArgumentException(
          "sequence_routing, %s: this name is kept for all domains together"
              .formatted(at(layer, segment)));
    }
    if (segment.expertTokens.length != numExperts || segment.gateMass.length != numExperts) {
      throw new IllegalArgumentException(
          "sequence_routing, %s: %d expert_tokens and %d gate_mass, expected %d of each"
              .formatted(
                  at(layer, segment),
                  segment.expertTokens.length,
                  segment.gateMass.length,
                  numExperts));
    }
    if (segment.dropped.length != numExperts - nullExperts) {
      throw new IllegalArgumentException(
          "sequence_routing, %s: %d dropped, expected %d"
              .formatted(at(layer, segment), segment.dropped.length, numExperts - nullExperts));
    }
    long routed = 0;
    for (long count : segment.expertTokens) {
      if (count < 0 || count > segment.tokens) {
        throw new IllegalArgumentException(
            "sequence_routing, %s: an expert has %d of %d tokens"
                .formatted(at(layer, segment), count, segment.tokens));
      }
      routed += count;
    }
    checkClasses(segment);
    if (segment.tokens < 1 || routed != topK * segment.tokens) {
      throw new IllegalArgumentException(
          "sequence_routing, %s: expert_tokens sum to %d, expected %d experts for each of %d tokens"
              .formatted(at(layer, segment), routed, topK, segment.tokens));
    }
  }

  private void checkClasses(Segment segment) {
    boolean fits = segment.classTokens.length == numClasses * numExperts;
    for (int e = 0; fits && e < numExperts; e++) {
      long sum = 0;
      for (int c = 0; c < numClasses; c++) {
        sum += segment.classTokens[c * numExperts + e];
      }
      fits = sum == segment.expertTokens[e];
    }
    if (!fits) {
      throw new IllegalArgumentException(
          "sequence_routing, %s: class_tokens do not sum to expert_tokens"
              .formatted(at(layer, segment)));
    }
  }

  private static String at(int layer, Segment segment) {
    return "sequence %d, domain %s, layer %d".formatted(segment.sequence, segment.domain, layer);
  }
}
