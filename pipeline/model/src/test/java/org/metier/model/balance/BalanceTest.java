package org.metier.model.balance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** Identities of the balance loss and of the frequencies (arXiv 2501.11873 and the design). */
class BalanceTest {
  private static final double EXACT = 1e-12;

  @Test
  void microBatchesThatUseHalfTheExpertsEachCostTwiceTheirUnion() {
    AuxiliaryLoss loss = new AuxiliaryLoss(1);
    double[] a = {.5, .5, 0, 0};
    double[] b = {0, 0, .5, .5};
    double[] union = {.25, .25, .25, .25};
    assertThat(loss.signal(a, a).loss()).isCloseTo(2, within(EXACT));
    assertThat(loss.signal(b, b).loss()).isCloseTo(2, within(EXACT));
    assertThat((loss.signal(union, a).loss() + loss.signal(union, b).loss()) / 2)
        .isCloseTo(1, within(EXACT));
  }

  @Test
  void theLossMayFallBelowOne() {
    // p = (.51,.49), (.51,.49), (0,1) with k = 1: f = (2/3, 1/3), P = (.34, .66)
    double[] f = {2 / 3.0, 1 / 3.0};
    double[] p = {.34, .66};
    assertThat(new AuxiliaryLoss(1).signal(f, p).loss()).isCloseTo(0.89333, within(1e-5));
  }

  @Test
  void uniformFrequenciesPushNoProbability() {
    double[] gradient =
        new AuxiliaryLoss(0.7).signal(new double[] {.25, .25, .25, .25}, new double[4]).gradient();
    // A gradient that is the same for every expert vanishes in the softmax.
    assertThat(gradient).containsOnly(0.7);
  }

  @Test
  void theGradientIsTheCentralDifference() {
    AuxiliaryLoss loss = new AuxiliaryLoss(0.3);
    double[] f = {.5, .3, .2, 0};
    double[] p = {.4, .3, .2, .1};
    double[] gradient = loss.signal(f, p).gradient();
    for (int e = 0; e < 4; e++) {
      double[] up = p.clone();
      double[] down = p.clone();
      up[e] += 1e-4;
      down[e] -= 1e-4;
      double difference = (loss.signal(f, up).loss() - loss.signal(f, down).loss()) / 2e-4;
      assertThat(gradient[e]).isCloseTo(difference, within(1e-10));
    }
  }

  @Test
  void theSignalOfSeveralRunsIsTheMeanOfTheirs() {
    AuxiliaryLoss loss = new AuxiliaryLoss(0.3);
    double[] f = Frequencies.ofRuns(new long[] {6, 2, 0, 0, 1, 1, 1, 5}, 4);
    assertThat(f).containsExactly(.75, .25, 0, 0, .125, .125, .125, .625);
    double[] p = {.4, .3, .2, .1, .1, .1, .1, .7};
    BalanceStrategy.Signal signal = loss.signal(f, p, 2);
    // 0.3 · 4 · (.375 + .475) / 2, of f·P by hand
    assertThat(signal.loss()).isCloseTo(0.51, within(EXACT));
    for (int i = 0; i < 8; i++) {
      double[] up = p.clone();
      double[] down = p.clone();
      up[i] += 1e-4;
      down[i] -= 1e-4;
      double difference = (loss.signal(f, up, 2).loss() - loss.signal(f, down, 2).loss()) / 2e-4;
      assertThat(signal.gradient()[i]).isCloseTo(difference, within(1e-10));
    }
    double[] one = {.5, .3, .2, 0};
    double[] mean = {.4, .3, .2, .1};
    assertThat(loss.signal(one, mean, 1).gradient())
        .containsExactly(loss.signal(one, mean).gradient());
  }

  @Test
  void aMixIsAShareOfEach() {
    double[] f = {1, 0, 0, 1};
    double[] micro = {.5, .5};
    assertThat(Frequencies.mix(f, micro, 0.5)).containsExactly(.75, .25, .25, .75);
    assertThat(Frequencies.mix(f, micro, 0)).containsExactly(f);
    assertThat(Frequencies.mix(f, micro, 1)).containsExactly(.5, .5, .5, .5);
  }

  @Test
  void frequenciesSumToOneAndAreUniformWhenNothingWasCounted() {
    assertThat(Frequencies.of(new long[] {2, 1, 1, 0})).containsExactly(.5, .25, .25, 0);
    assertThat(Frequencies.of(new long[4])).containsOnly(.25);
  }

  @Test
  void withoutDriftTheCorrectedFrequencyIsTheGlobalOne() {
    double[] global = {.4, .3, .2, .1};
    double[] own = {.1, .2, .3, .4};
    assertThat(Frequencies.driftCorrected(global, own, own)).containsExactly(global, within(EXACT));
  }

  @Test
  void aWorkerThatIsAloneSeesWhatItRoutesNow() {
    double[] then = {.4, .3, .2, .1};
    double[] now = {.1, .2, .3, .4};
    assertThat(Frequencies.driftCorrected(then, now, then)).containsExactly(now, within(EXACT));
  }

  @Test
  void correctedFrequenciesAreADistribution() {
    Random random = new Random(4);
    for (int trial = 0; trial < 1000; trial++) {
      double[] f =
          Frequencies.driftCorrected(
              distribution(random, 6), distribution(random, 6), distribution(random, 6));
      double sum = 0;
      for (double share : f) {
        assertThat(share).isNotNegative();
        sum += share;
      }
      assertThat(sum).isCloseTo(1, within(EXACT));
    }
  }

  @Test
  void maxViolation() {
    assertThat(Frequencies.maxViolation(new long[] {2, 1, 1, 0})).isEqualTo(1);
    assertThat(Frequencies.maxViolation(new long[] {3, 3, 3})).isZero();
    assertThat(Frequencies.maxViolation(new long[] {5, 5, 0, 0})).isEqualTo(1); // E/k - 1
  }

  private static double[] distribution(Random random, int size) {
    long[] counts = new long[size];
    for (int e = 0; e < size; e++) {
      counts[e] = random.nextInt(20);
    }
    return Frequencies.of(counts);
  }
}
