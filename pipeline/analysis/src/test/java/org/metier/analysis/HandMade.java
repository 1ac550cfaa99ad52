package org.metier.analysis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Routing written by hand: one layer, one call per segment. */
final class HandMade {
  private final List<Segment> segments = new ArrayList<>();

  /** Gate mass and score are made so that each choice weighs one. */
  HandMade segment(long sequence, String domain, long tokens, long... expertTokens) {
    return segment(sequence, domain, tokens, expertTokens, expertTokens);
  }

  /**
   * The same with several classes of tokens.
   *
   * @param classTokens [C·E]
   */
  HandMade segment(
      long sequence, String domain, long tokens, long[] expertTokens, long[] classTokens) {
    double[] gateMass = Arrays.stream(expertTokens).asDoubleStream().toArray();
    segments.add(
        new Segment(
            sequence,
            domain,
            tokens,
            expertTokens,
            gateMass,
            Arrays.stream(gateMass).sum(),
            new long[expertTokens.length],
            classTokens));
    return this;
  }

  LayerRouting routing() {
    return LayerRouting.of(0, segments);
  }

  /** The same choices with expert e called {@code names[e]}. */
  HandMade relabelled(int... names) {
    HandMade relabelled = new HandMade();
    for (Segment segment : segments) {
      long[] renamed = new long[names.length];
      for (int e = 0; e < names.length; e++) {
        renamed[names[e]] = segment.expertTokens[e];
      }
      relabelled.segment(segment.sequence, segment.domain, segment.tokens, renamed);
    }
    return relabelled;
  }

  /** Every domain has its own expert, k = 1, D = E. */
  static HandMade identity(int numDomains, int sequencesPerDomain, int tokens) {
    HandMade routing = new HandMade();
    for (int s = 0; s < numDomains * sequencesPerDomain; s++) {
      long[] counts = new long[numDomains];
      counts[s % numDomains] = tokens;
      routing.segment(s, "domain-" + s % numDomains, tokens, counts);
    }
    return routing;
  }

  /** Every segment loads all experts alike. */
  static HandMade uniform(int numDomains, int numExperts, int topK, int sequences) {
    HandMade routing = new HandMade();
    for (int s = 0; s < sequences; s++) {
      long[] counts = new long[numExperts];
      Arrays.fill(counts, topK);
      routing.segment(s, "domain-" + s % numDomains, numExperts, counts);
    }
    return routing;
  }
}
