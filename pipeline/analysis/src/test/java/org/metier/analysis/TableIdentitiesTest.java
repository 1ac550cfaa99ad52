package org.metier.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.metier.analysis.SparkForTests.SPARK;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Identities of the tables beside the four of {@link Tables}, and routing with known answers. */
class TableIdentitiesTest {
  private static final AnalyzeConfig CONFIG = new AnalyzeConfig(100_000, 50, 20, 3);
  private static final int EXPERTS = 6;
  private static final int TOP_K = 3;

  /** Sums of a few thousand terms of order one in double. */
  private static final double ROUNDING = 1e-12;

  private static TokenLog random;
  private static Tables tables;

  /** 1,920 tokens of three domains and two layers, each with three experts at random. */
  @BeforeAll
  static void draw() {
    SplittableRandom numbers = new SplittableRandom(5);
    random = new TokenLog(EXPERTS);
    for (int t = 0; t < 1920; t++) {
      int sequence = t / 32;
      random.token(
          sequence,
          "domain-" + sequence % 3,
          numbers.nextInt(40),
          numbers.nextInt(2),
          choices(numbers),
          choices(numbers));
    }
    tables = random.tables();
  }

  private static int[] choices(SplittableRandom numbers) {
    List<Integer> experts = new ArrayList<>(List.of(0, 1, 2, 3, 4, 5));
    Collections.shuffle(experts, new Random(numbers.nextLong()));
    return experts.stream().limit(TOP_K).mapToInt(Integer::intValue).toArray();
  }

  /** The exact identity that pairs of neighbours in rank would break. */
  @Test
  void partnersOfAnExpertAreKLess1() {
    Map<String, Double> sums = new TreeMap<>();
    Map<String, Long> joint = new TreeMap<>();
    List<Row> rows = Coactivation.rows(random.pairs(), tables);
    assertThat(rows).hasSize(2 * EXPERTS * (EXPERTS - 1));
    for (Row row : rows) {
      sums.merge(row.getInt(0) + " " + row.getInt(1), row.getDouble(4), Double::sum);
      joint.put(row.getInt(0) + " " + row.getInt(1) + " " + row.getInt(2), row.getLong(3));
      assertThat(row.getDouble(6)).isEqualTo(2.0 / 5);
      // random choices without replacement: E(k−1)/(k(E−1)) = 0.8; 1920 tokens, ±4 standard errors
      assertThat(row.getDouble(5)).isBetween(0.7, 0.9);
    }
    assertThat(sums.values()).allSatisfy(sum -> assertThat(sum).isCloseTo(2, within(ROUNDING)));
    joint.forEach(
        (key, n) -> {
          String[] k = key.split(" ");
          assertThat(joint.get(k[0] + " " + k[2] + " " + k[1])).isEqualTo(n);
        });
  }

  @Test
  void waysAddUpToTheirExpertAndToAllDomains() {
    Map<String, Double> shares = new TreeMap<>();
    Map<String, Long> tokens = new TreeMap<>();
    for (Row row : RoutingFlow.rows(random.flow(), tables)) {
      shares.merge(row.getInt(1) + row.getString(3), row.getDouble(5), Double::sum);
      String way = row.getInt(1) + " " + row.getInt(2) + " ";
      tokens.merge(
          way + (row.getString(3).equals("all") ? "all" : "parts"), row.getLong(4), Long::sum);
    }
    assertThat(shares).hasSize(EXPERTS * 4);
    assertThat(shares.values()).allSatisfy(s -> assertThat(s).isCloseTo(1, within(ROUNDING)));
    tokens.forEach((way, n) -> assertThat(tokens.get(way.replace("all", "parts"))).isEqualTo(n));
  }

  /** The second layer repeats the first: every way leads to the same expert, E times by chance. */
  @Test
  void layersThatAgreeHaveOneWay() {
    TokenLog log = new TokenLog(4);
    for (int t = 0; t < 64; t++) {
      log.token(t / 8, "d" + t % 2, t, 0, new int[] {t % 4}, new int[] {t % 4});
    }
    for (Row row : RoutingFlow.rows(log.flow(), log.tables())) {
      assertThat(row.getInt(2)).isEqualTo(row.getInt(1));
      assertThat(row.getDouble(5)).isEqualTo(1);
      assertThat(row.getDouble(6))
          .isCloseTo(row.getString(3).equals("all") ? 4 : 2, within(ROUNDING));
    }
  }

  @Test
  void vocabularyAddsUpAndListsAtMostWhatItMay() {
    AnalyzeConfig few =
        new AnalyzeConfig(
            "newest",
            100,
            20,
            20,
            3,
            4,
            false,
            new AnalyzeConfig.Saturation(0),
            new AnalyzeConfig.Ablation(0));
    Vocabulary vocabulary =
        Vocabulary.of(random.vocabularyCounts(), random.vocabulary(), EXPERTS, few);
    Map<Integer, Long> byLayer = new TreeMap<>();
    Map<String, Integer> listed = new TreeMap<>();
    for (Row row : vocabulary.rows()) {
      byLayer.merge(row.getInt(0), row.getLong(6), Long::sum);
      listed.merge(row.getInt(0) + " " + row.getInt(1), row.getInt(3) > 0 ? 1 : 0, Integer::sum);
      if (row.getInt(3) > 0) {
        assertThat(row.getString(5)).isEqualTo("t" + row.getInt(4));
        assertThat(row.getDouble(9)).isGreaterThan(1);
        assertThat(row.getLong(7)).isGreaterThanOrEqualTo(Vocabulary.FREQUENT);
      }
    }
    assertThat(byLayer).containsExactlyInAnyOrderEntriesOf(Map.of(0, 1920L, 1, 1920L));
    assertThat(listed.values()).allSatisfy(n -> assertThat(n).isLessThanOrEqualTo(4));
    // 40 ids of some 48 occurrences, routed at random: what shuffled choices give, ±0.03 (one
    // maximum of 48 draws from six has a standard deviation below 0.06; 40 ids, four of them)
    for (Row row : vocabulary.summary()) {
      assertThat(row.getLong(5)).isEqualTo(40);
      assertThat(row.getDouble(6)).isCloseTo(row.getDouble(7), within(0.04));
    }
    assertThat(
            Vocabulary.of(
                    TokenLog.frame(
                            Synthetic.shuffled(random.vocabularyCounts().collectAsList(), 4),
                            RoutingSchema.VOCABULARY_COUNTS)
                        .repartition(5),
                    random.vocabulary(),
                    EXPERTS,
                    few)
                .rows())
        .isEqualTo(vocabulary.rows());
  }

  @Test
  void aRouterThatKnowsTheTokenScores1() {
    TokenLog log = new TokenLog(4);
    for (int t = 0; t < 400; t++) {
      log.token(t / 10, "d", t % 20, 0, new int[] {t % 20 % 4});
    }
    Vocabulary vocabulary = Vocabulary.of(log.vocabularyCounts(), log.vocabulary(), 4, CONFIG);
    Row summary = vocabulary.summary().get(0);
    assertThat(summary.getDouble(3)).isEqualTo(1);
    assertThat(summary.getDouble(6)).isEqualTo(1);
    assertThat(summary.getDouble(7)).isBetween(0.25, 0.6);
    for (Row row : vocabulary.rows()) {
      if (row.getInt(3) > 0) {
        assertThat(row.getDouble(8)).isEqualTo(1);
        assertThat(row.getDouble(9)).isCloseTo(4, within(ROUNDING));
        assertThat(row.getInt(4) % 4).isEqualTo(row.getInt(1));
      } else {
        assertThat(row.getLong(6)).as("nothing is left over").isZero();
      }
    }
  }

  @Test
  void saturationByHand() {
    // Two sequences of 4 tokens, k = 2: 8 and 4 of 8 choices in common.
    List<Row> overlap = List.of(RowFactory.create(100L, 0, 2, 8L, 2L, 12L, 80L));
    List<Row> choices =
        List.of(RowFactory.create(100L, 0, "a", 0, 8L), RowFactory.create(100L, 0, "b", 1, 8L));
    Row row = Saturation.rows(overlap, choices, 4).get(0);
    assertThat(row.getDouble(4)).isEqualTo(0.75);
    assertThat(row.getDouble(7)).isEqualTo(0.5);
    assertThat(row.getDouble(8)).isCloseTo(1, within(ROUNDING));
    // Parts 1 and 0.5 of two sequences: standard error 0.25, clipped to [0, 1].
    assertThat(row.getDouble(5)).isCloseTo(0.75 - 0.25 * 1.959963984540054, within(ROUNDING));
    assertThat(row.getDouble(6)).isEqualTo(1);
  }

  @Test
  void classThatDecidesTheExpertLeavesTheDomainNothing() {
    // Domain a is mostly words, b mostly numbers; the router looks at the class alone.
    TokenLog log = new TokenLog(2);
    for (int t = 0; t < 320; t++) {
      boolean a = t / 8 % 2 == 0;
      int kind = (t % 8 < 6) == a ? 0 : 1;
      log.token(t / 8, a ? "a" : "b", t, kind, new int[] {kind});
    }
    LayerSummary summary = log.tables().layerSummary().get(0);
    assertThat(summary.tokenClassInformation()).isCloseTo(1, within(ROUNDING));
    assertThat(summary.mutualInformation())
        .isGreaterThan(0.15)
        .isGreaterThan(summary.permutationQ99());
    assertThat(summary.domainGivenClass()).isZero();
    for (ExpertTokenClass row : log.tables().expertTokenClass()) {
      assertThat(row.share())
          .isEqualTo(row.tokenClass().equals("word") == (row.expert() == 0) ? 1 : 0);
      assertThat(row.ciLow()).isEqualTo(row.share());
    }
  }

  @Test
  void domainThatDecidesTheExpertRemainsWithinEveryClass() {
    TokenLog log = new TokenLog(2);
    for (int t = 0; t < 320; t++) {
      int domain = t / 8 % 2;
      log.token(t / 8, "d" + domain, t, t % 2, new int[] {domain});
    }
    LayerSummary summary = log.tables().layerSummary().get(0);
    assertThat(summary.domainGivenClass()).isCloseTo(1, within(ROUNDING));
    assertThat(summary.domainGivenClassPermutationQ99()).isLessThan(0.5);
    assertThat(summary.tokenClassInformation()).isZero();
    assertThat(summary.tokenClassShuffled()).isLessThan(0.01);
  }

  /** Labels that say nothing about random choices: both corrected numbers lie at 0. */
  @Test
  void randomRoutingHasNoInformation() {
    for (LayerSummary layer : tables.layerSummary()) {
      assertThat(layer.mutualInformation()).isLessThan(2 * layer.permutationQ99());
      // (E−1)(C−1) = 5 degrees of freedom over 5,760 choices: 2 n ln2 I is about χ²(5), below 21
      // in 999 of 1,000 draws
      assertThat(layer.tokenClassCorrected()).isBetween(-0.001, 0.0027);
      assertThat(layer.domainGivenClassCorrected())
          .isLessThan(2 * layer.domainGivenClassPermutationQ99());
    }
  }

  @Test
  void ablationByHand() {
    Tables identity = identity();
    ExpertAblation ablation = new ExpertAblation(identity, 1);
    Map<String, int[][]> variants = ablation.variants();
    assertThat(variants.get("own 1 domain-2")).isDeepEqualTo(new int[][] {{2}});
    assertThat(variants.get("own 4 domain-7")[0]).contains(7).hasSize(4);
    assertThat(variants.get("all")[0]).hasSize(8);
    assertThat(Arrays.stream(variants.get("random 4")[0]).boxed())
        .containsAll(Arrays.stream(variants.get("random 1")[0]).boxed().toList());
    List<Row> losses = new ArrayList<>();
    variants.forEach(
        (name, kept) -> {
          for (int d = 0; d < 8; d++) {
            for (long s = 0; s < 2; s++) {
              // 10 tokens; a domain loses 1 nat a token more where its expert is missing
              int domain = d;
              boolean missing = Arrays.stream(kept[0]).noneMatch(e -> e == domain);
              double loss = 10 * (2 + s) + (missing ? 10 : 0);
              losses.add(RowFactory.create(name, s, "domain-" + d, 10L, loss));
            }
          }
        });
    Collections.shuffle(losses, new Random(3));
    for (Row row : ablation.rows(losses)) {
      boolean whole = row.getDouble(1) == 1;
      if (whole || row.getString(0).equals(row.getString(3))) {
        assertThat(row.getDouble(6)).isZero();
        assertThat(row.getDouble(5)).isEqualTo(2.5);
      } else if (row.getInt(2) == 1) {
        assertThat(row.getDouble(6)).isEqualTo(1);
        // the same for both sequences: no spread
        assertThat(row.getDouble(7)).isCloseTo(1, within(1e-7));
      }
      assertThat(row.getLong(4)).isEqualTo(20);
    }
  }

  @Test
  void chiSquareByHand() {
    // Expected 15 each: χ² = 4 · 25/15 = 20/3 with one degree of freedom, p = 0.00982.
    Row row = Independence.row(0, "domain", new long[][] {{10, 20, 0}, {20, 10, 0}, {0, 0, 0}});
    assertThat(row.getLong(2)).isEqualTo(60);
    assertThat(row.getDouble(3)).isCloseTo(20 / 3.0, within(1e-9));
    assertThat(row.getInt(4)).isEqualTo(1);
    assertThat(row.getDouble(5)).isCloseTo(0.00982, within(1e-5));
    double phi = 20 / 3.0 / 60 - 1 / 59.0;
    assertThat(row.getDouble(6)).isCloseTo(Math.sqrt(phi / (2 - 1 / 59.0 - 1)), within(1e-9));
    for (Row layer : Independence.rows(identity())) {
      if (layer.getString(1).equals("domain")) {
        assertThat(layer.getDouble(6)).isCloseTo(1, within(1e-9));
      }
    }
  }

  @Test
  void everyDomainsExpertIsAClusterOfItsOwn() {
    List<Row> rows = ExpertClusters.rows(SPARK, identity(), 1);
    assertThat(rows).hasSize(8);
    int own = 0;
    for (Row row : rows) {
      own += row.getString(3).equals("domain-" + row.getInt(1)) ? 1 : 0;
    }
    // one cluster fewer than experts: two of them share one
    assertThat(own).isGreaterThanOrEqualTo(6);
    assertThat(ExpertClusters.rows(SPARK, identity(), 1)).isEqualTo(rows);
  }

  @Test
  void routersOnALineAreALineOfTheirMap() {
    List<Row> routers = new ArrayList<>();
    for (int e = 0; e < 5; e++) {
      routers.add(RowFactory.create(0, e, new Double[] {3.0 * e, 4.0 * e, 7.0}));
    }
    List<Row> map = RouterMap.rows(SPARK, TokenLog.frame(routers, RouterMap.ROUTERS));
    for (int e = 0; e < 5; e++) {
      double side = Math.signum(map.get(4).getDouble(2));
      assertThat(map.get(e).getDouble(2)).isCloseTo(side * 5 * (e - 2), within(1e-9));
      assertThat(map.get(e).getDouble(3)).isCloseTo(0, within(1e-9));
      assertThat(map.get(e).getDouble(4)).isCloseTo(1, within(1e-9));
    }
  }

  @Test
  void ratioIntervalByHand() {
    RatioInterval.Sums sums = new RatioInterval.Sums();
    sums.add(2, 10);
    sums.add(6, 10);
    sums.add(0, 0); // says nothing
    RatioInterval interval = sums.interval();
    assertThat(interval.ratio()).isEqualTo(0.4);
    // residuals −2 and 2: 2/1 · 8 / 20²
    assertThat(interval.standardError()).isCloseTo(0.2, within(ROUNDING));
    assertThat(new RatioInterval.Sums().interval().isDefined()).isFalse();
  }

  /** Eight domains with an expert each. */
  private static Tables identity() {
    TokenLog log = new TokenLog(8);
    for (int t = 0; t < 640; t++) {
      int domain = t / 8 % 8;
      log.token(t / 8, "domain-" + domain, t % 50, t % 2, new int[] {domain});
    }
    return log.tables();
  }
}
