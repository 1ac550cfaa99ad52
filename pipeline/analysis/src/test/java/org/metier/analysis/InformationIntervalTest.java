package org.metier.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class InformationIntervalTest {
  /** Sums of a few hundred terms of order one in double. */
  private static final double ROUNDING = 1e-12;

  @Test
  void itsMiddleIsTheInformation() {
    for (int seed = 0; seed < 20; seed++) {
      LayerRouting routing = preferring(seed, 40, 0.2);
      assertThat(MutualInformation.interval(routing).ratio())
          .isCloseTo(MutualInformation.bits(routing.domainExpertTokens), within(ROUNDING));
    }
  }

  /** Every sequence holds both domains and splits them alike: another draw gives the same. */
  @Test
  void sequencesThatAreAllAlikeLeaveNoDoubt() {
    HandMade alike = new HandMade();
    for (int s = 0; s < 10; s++) {
      alike.segment(s, "a", 4, 3, 1).segment(s, "b", 4, 1, 3);
    }
    RatioInterval interval = MutualInformation.interval(alike.routing());
    assertThat(interval.standardError()).isCloseTo(0, within(1e-8)); // the root of a rounding
  }

  @Test
  void oneSequenceLeavesAllThatIsPossible() {
    LayerRouting routing =
        new HandMade().segment(0, "a", 4, 4, 0).segment(0, "b", 4, 0, 4).routing();
    LayerSummary summary = LayerSummary.of(routing, new AnalyzeConfig(100, 10, 10, 1));
    assertThat(summary.mutualInformationLow()).isZero();
    assertThat(summary.mutualInformationHigh()).isEqualTo(1);
  }

  /**
   * Over 500 corpora of 80 sequences whose tokens hang together, the interval holds the true
   * information in 95 % of them, within four standard errors of such a share (0.01) and 0.02 that a
   * normal approximation of 80 draws may be off.
   */
  @Test
  void itHoldsTheTrueInformationAsOftenAsItSays() {
    double entropy = -(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75)) / Math.log(2);
    double truth = 1 - entropy; // q = (3/4, 1/4) and (1/4, 3/4), domains alike often
    int corpora = 500;
    int held = 0;
    for (int seed = 0; seed < corpora; seed++) {
      RatioInterval interval = MutualInformation.interval(preferring(100 + seed, 80, 0.2));
      held += interval.low() <= truth && truth <= interval.high() ? 1 : 0;
    }
    assertThat((double) held / corpora).isBetween(0.95 - 0.06, 0.95 + 0.04);
  }

  /** Each sequence is of one of two domains; it prefers its domain's expert by 3/4 on average. */
  private static LayerRouting preferring(int seed, int sequences, double spread) {
    SplittableRandom random = new SplittableRandom(seed);
    HandMade routing = new HandMade();
    for (int s = 0; s < sequences; s++) {
      int own = random.nextInt(2);
      double preference = 0.75 + random.nextDouble(-spread, spread);
      long[] tokens = new long[2];
      for (int t = 0; t < 50; t++) {
        tokens[random.nextDouble() < preference ? own : 1 - own]++;
      }
      routing.segment(s, "domain-" + own, 50, tokens);
    }
    return routing.routing();
  }
}
