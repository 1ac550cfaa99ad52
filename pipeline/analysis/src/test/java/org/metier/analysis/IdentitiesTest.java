package org.metier.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Hand-made routing with known answers. */
class IdentitiesTest {
  private static final AnalyzeConfig CONFIG = new AnalyzeConfig(100_000, 199, 400, 3);

  /** Sums of a few hundred terms of order one in double. */
  private static final double ROUNDING = 1e-12;

  @Test
  void oneExpertPerDomainGivesLog2E() {
    LayerRouting routing = HandMade.identity(8, 5, 16).routing();
    LayerSummary summary = LayerSummary.of(routing, CONFIG);
    assertThat(summary.mutualInformation()).isCloseTo(3, within(ROUNDING));
    assertThat(summary.mutualInformationNormalised()).isCloseTo(1, within(ROUNDING));
    assertThat(summary.permutationP()).isEqualTo(1.0 / 200);
    assertThat(summary.highestDomainFrequency()).isEqualTo(1);
    assertThat(summary.loadEntropy()).isCloseTo(1, within(ROUNDING));
    for (ExpertDomain row : ExpertDomain.of(routing, CONFIG)) {
      boolean own = row.domain().equals("domain-" + row.expert());
      assertThat(row.frequency()).isEqualTo(own ? 1 : 0);
      assertThat(row.lift()).isCloseTo(own ? 8 : 0, within(ROUNDING));
      assertThat(row.ciLow()).isEqualTo(own ? 1 : 0);
      assertThat(row.ciHigh()).isEqualTo(own ? 1 : 0);
    }
  }

  @Test
  void evenRoutingGivesZero() {
    LayerRouting routing = HandMade.uniform(3, 16, 4, 30).routing();
    LayerSummary summary = LayerSummary.of(routing, CONFIG);
    assertThat(summary.mutualInformation()).isZero();
    assertThat(summary.permutationMean()).isZero();
    assertThat(summary.permutationP()).isEqualTo(1);
    assertThat(summary.maxVio()).isZero();
    assertThat(summary.cv()).isZero();
    assertThat(summary.topK()).isEqualTo(4);
    assertThat(summary.highestDomainFrequency()).isEqualTo(4.0 / 16);
    for (ExpertDomain row : ExpertDomain.of(routing, CONFIG)) {
      assertThat(row.frequency()).isEqualTo(0.25);
      assertThat(row.lift()).isEqualTo(1);
    }
  }

  @Test
  void mutualInformationOfATableDoneByHand() {
    // π = (1/2, 1/2), q_{E|D} = (3/4, 1/4) and (1/4, 3/4): I = 1 − H(1/4) bits.
    double entropy = -(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75)) / Math.log(2);
    assertThat(MutualInformation.bits(new long[][] {{3, 1}, {1, 3}}))
        .isCloseTo(1 - entropy, within(ROUNDING));
    // Miller–Madow with all four cells occupied: (2−1)(2−1) / (2·8·ln 2).
    assertThat(MutualInformation.millerMadowBias(new long[][] {{3, 1}, {1, 3}}))
        .isCloseTo(1 / (16 * Math.log(2)), within(ROUNDING));
  }

  @Test
  void unequalDomainsAreWeightedByTheirTokens() {
    // Domain a has 9 tokens on expert 0, domain b has 1 on expert 1: I = H(0.9, 0.1).
    LayerRouting routing =
        new HandMade().segment(0, "a", 9, 9, 0).segment(1, "b", 1, 0, 1).routing();
    double entropy = -(0.9 * Math.log(0.9) + 0.1 * Math.log(0.1)) / Math.log(2);
    LayerSummary summary = LayerSummary.of(routing, CONFIG);
    assertThat(summary.mutualInformation()).isCloseTo(entropy, within(ROUNDING));
    assertThat(summary.mutualInformationNormalised()).isCloseTo(1, within(ROUNDING));
  }

  @Test
  void maxVioAndItsFellows() {
    LoadMetrics load = LoadMetrics.of(new long[] {2, 1, 1, 0});
    assertThat(load.maxVio()).isEqualTo(1.0);
    assertThat(load.deadExperts()).isEqualTo(1);
    assertThat(load.cv()).isCloseTo(Math.sqrt(0.5), within(ROUNDING));
    // H(1/2, 1/4, 1/4) = 1.5 bits of log2 4 = 2.
    assertThat(load.entropy()).isCloseTo(0.75, within(ROUNDING));
    assertThat(LoadMetrics.of(new long[] {5, 5, 5}).maxVio()).isZero();
    // All tokens pick the same k of E experts: E/k − 1.
    assertThat(LoadMetrics.of(new long[] {7, 7, 0, 0, 0, 0}).maxVio()).isEqualTo(2);
  }

  @Test
  void relabellingExpertsChangesNoSummary() {
    HandMade original = random(6, 3, 40, 20, 11);
    LayerSummary before = LayerSummary.of(original.routing(), CONFIG);
    LayerSummary after = LayerSummary.of(original.relabelled(4, 2, 0, 5, 1, 3).routing(), CONFIG);
    assertThat(after.mutualInformation()).isCloseTo(before.mutualInformation(), within(ROUNDING));
    assertThat(after.mutualInformationCorrected())
        .isCloseTo(before.mutualInformationCorrected(), within(ROUNDING));
    assertThat(after.permutationMean()).isCloseTo(before.permutationMean(), within(ROUNDING));
    assertThat(after.permutationQ99()).isCloseTo(before.permutationQ99(), within(ROUNDING));
    assertThat(after.permutationP()).isEqualTo(before.permutationP());
    assertThat(after.loadEntropy()).isCloseTo(before.loadEntropy(), within(ROUNDING));
    assertThat(after.cv()).isCloseTo(before.cv(), within(ROUNDING));
    assertThat(after.maxVio()).isEqualTo(before.maxVio());
    assertThat(after.highestDomainFrequency()).isEqualTo(before.highestDomainFrequency());
  }

  @Test
  void sumsOverExpertsAndDomains() {
    LayerRouting routing = random(6, 3, 40, 20, 12).routing();
    List<ExpertDomain> rows = ExpertDomain.of(routing, CONFIG);
    for (int d = 0; d < routing.numDomains(); d++) {
      String domain = routing.domains[d];
      assertThat(
              rows.stream()
                  .filter(row -> row.domain().equals(domain))
                  .mapToDouble(ExpertDomain::frequency)
                  .sum())
          .isCloseTo(3, within(ROUNDING));
    }
    for (ExpertLoad load : ExpertLoad.of(routing)) {
      assertThat(
              rows.stream()
                  .filter(row -> row.expert() == load.expert())
                  .mapToLong(ExpertDomain::tokens)
                  .sum())
          .isEqualTo(load.tokens());
    }
    assertThat(rows)
        .allSatisfy(row -> assertThat(row.share()).isBetween(row.ciLow(), row.ciHigh()));
  }

  @Test
  void scoreSumIsTheMeanOverTokens() {
    Segment half =
        new Segment(
            0, "a", 4, new long[] {4, 4}, new double[] {2, 2}, 3, new long[2], new long[] {4, 4});
    LayerSummary summary = LayerSummary.of(LayerRouting.of(0, List.of(half)), CONFIG);
    assertThat(summary.scoreSum()).isEqualTo(0.75);
  }

  @Test
  void aDomainOfOneSequenceHasTheWidestInterval() {
    LayerRouting routing =
        new HandMade()
            .segment(0, "a", 4, 4, 2, 2)
            .segment(1, "b", 4, 1, 3, 4)
            .segment(2, "b", 4, 3, 3, 2)
            .routing();
    for (ExpertDomain row : ExpertDomain.of(routing, CONFIG)) {
      if (row.domain().equals("a")) {
        assertThat(row.ciLow()).isZero();
        assertThat(row.ciHigh()).isEqualTo(0.5);
      } else {
        assertThat(row.ciHigh() - row.ciLow()).isLessThan(0.5);
      }
    }
  }

  /**
   * Labels that say nothing: over 40 corpora the p-value must not pile up at 0 (mean of a uniform
   * variable 1/2, standard error 1/√(12·40) = 0.046; four of them), and the corrected information
   * must lie below the null's 99 % quantile but for the odd corpus.
   */
  @Test
  void shuffledLabelsLieWithinTheirNull() {
    double sum = 0;
    int above = 0;
    for (int corpus = 0; corpus < 40; corpus++) {
      LayerSummary summary = LayerSummary.of(random(8, 2, 60, 24, 100 + corpus).routing(), CONFIG);
      sum += summary.permutationP();
      above += summary.mutualInformationCorrected() > summary.permutationQ99() ? 1 : 0;
    }
    assertThat(sum / 40).isBetween(0.5 - 4 * 0.046, 0.5 + 4 * 0.046);
    assertThat(above).isLessThanOrEqualTo(2);
  }

  /**
   * Choices without any correlation inside a sequence: there Miller–Madow's correction is the whole
   * bias, so that the corrected estimate is 0 within four standard errors of its mean.
   */
  @Test
  void millerMadowRemovesTheBiasOfIndependentChoices() {
    int corpora = 200;
    double[] corrected = new double[corpora];
    SplittableRandom random = new SplittableRandom(5);
    for (int c = 0; c < corpora; c++) {
      long[][] counts = new long[4][8];
      for (int n = 0; n < 2_000; n++) {
        counts[random.nextInt(4)][random.nextInt(8)]++;
      }
      corrected[c] = MutualInformation.bits(counts) - MutualInformation.millerMadowBias(counts);
    }
    double mean = Arrays.stream(corrected).average().orElseThrow();
    double variance =
        Arrays.stream(corrected).map(x -> (x - mean) * (x - mean)).sum() / (corpora - 1);
    double biasRemoved = 21 / (2 * 2_000 * Math.log(2));
    assertThat(mean)
        .isBetween(-4 * Math.sqrt(variance / corpora), 4 * Math.sqrt(variance / corpora));
    assertThat(4 * Math.sqrt(variance / corpora)).isLessThan(biasRemoved / 3);
  }

  /** The interval of a share covers the truth about as often as it says. */
  @Test
  void theBootstrapCoversTheTrueShare() {
    int covered = 0;
    int intervals = 0;
    for (int corpus = 0; corpus < 60; corpus++) {
      LayerRouting routing = random(4, 1, 60, 20, 500 + corpus).routing();
      for (ExpertDomain row :
          ExpertDomain.of(routing, new AnalyzeConfig(100_000, 1, 200, corpus))) {
        covered += row.ciLow() <= 0.25 && 0.25 <= row.ciHigh() ? 1 : 0;
        intervals++;
      }
    }
    // 960 intervals, correlated by fours: ±4 standard errors of 240 are ±0.056; percentile
    // intervals of 15 clusters are a little short (92 % instead of 95 %).
    assertThat((double) covered / intervals).isBetween(0.86, 0.99);
  }

  /** Tokens that pick k of E experts with preferences of their sequence, whatever the domain. */
  private static HandMade random(int experts, int topK, int sequences, int tokens, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    HandMade routing = new HandMade();
    for (int s = 0; s < sequences; s++) {
      double[] preference = new double[experts];
      for (int e = 0; e < experts; e++) {
        preference[e] = 0.7 * random.nextGaussian();
      }
      long[] counts = new long[experts];
      for (int t = 0; t < tokens; t++) {
        double[] noisy = new double[experts];
        Integer[] order = new Integer[experts];
        for (int e = 0; e < experts; e++) {
          noisy[e] = preference[e] - Math.log(-Math.log(random.nextDouble(1e-12, 1)));
          order[e] = e;
        }
        Arrays.sort(order, (a, b) -> Double.compare(noisy[b], noisy[a]));
        for (int k = 0; k < topK; k++) {
          counts[order[k]]++;
        }
      }
      routing.segment(s, "domain-" + s % 4, tokens, counts);
    }
    return routing;
  }
}
