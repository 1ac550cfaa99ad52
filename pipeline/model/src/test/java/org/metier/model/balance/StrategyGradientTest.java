package org.metier.model.balance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every strategy's closed-form gradient with respect to the router's logits, through softmax and
 * through sigmoids, against central differences in double. With h = 1e-5 and losses and third
 * derivatives of order 1 to 10 (the latency loss, over a noise of 1/E, 100) they err by 1e-9; the
 * tolerance is the 1e-6 that the project asks of every strategy.
 */
class StrategyGradientTest {
  private static final double STEP = 1e-5;

  static Stream<BalanceStrategy> strategies() {
    return Stream.of(
        new AuxiliaryLoss(0.7),
        new MutualInformationLoss(0.7, MutualInformationLoss.Marginal.BATCH),
        new MutualInformationLoss(0.7, MutualInformationLoss.Marginal.WINDOW),
        new ConcentrationLoss(0.7),
        // a threshold so high that some experts are starved
        new ShinkaLoss(0.7, 0.9, ShinkaLoss.Hinge.FREQUENCY),
        new ShinkaLoss(0.7, 0.9, ShinkaLoss.Hinge.PROBABILITY),
        new LatencyLoss(0.7, List.of(1.0, 2.0, 0.5, 4.0, 1.0), 0.2),
        new CombinedStrategies(
            List.of(
                new AuxiliaryLoss(0.7),
                new ConcentrationLoss(0.1),
                new MutualInformationLoss(0.3, MutualInformationLoss.Marginal.BATCH),
                new LossFreeBias(LossFreeBias.Rule.SIGN, 1, LossFreeBias.Schedule.CONSTANT))));
  }

  static Stream<Arguments> strategiesAndActivations() {
    return strategies().flatMap(s -> Stream.of(Arguments.of(s, false), Arguments.of(s, true)));
  }

  @ParameterizedTest
  @MethodSource("strategiesAndActivations")
  void theGradientIsTheCentralDifference(BalanceStrategy strategy, boolean sigmoid) {
    double[] frequency = {.4, .3, .2, .1, 0};
    for (int topK : new int[] {1, 2, 5}) {
      RouterSample sample = RouterSample.random(7, 5, topK, sigmoid, 11 + topK);
      double[] gradient = sample.gradient(strategy, frequency);
      double largest = 0;
      for (int i = 0; i < gradient.length; i++) {
        double z = sample.logits[i];
        sample.logits[i] = z + STEP;
        double above = sample.loss(strategy, frequency);
        sample.logits[i] = z - STEP;
        double below = sample.loss(strategy, frequency);
        sample.logits[i] = z;
        assertThat(gradient[i])
            .as("k = %d, logit %d", topK, i)
            .isCloseTo((above - below) / (2 * STEP), within(1e-6));
        largest = Math.max(largest, Math.abs(gradient[i]));
      }
      assertThat(largest).as("a gradient of zeros would prove nothing").isGreaterThan(1e-3);
    }
  }

  /** The loss over S runs is the mean of theirs, whatever the strategy. */
  @ParameterizedTest
  @MethodSource("strategies")
  void equalRunsAreOneRun(BalanceStrategy strategy) {
    double[] f = {.4, .3, .2, .1, 0};
    double[] p = {.1, .2, .3, .3, .1};
    double[] twoF = {.4, .3, .2, .1, 0, .4, .3, .2, .1, 0};
    double[] twoP = {.1, .2, .3, .3, .1, .1, .2, .3, .3, .1};
    BalanceStrategy.Signal one = strategy.signal(f, p);
    BalanceStrategy.Signal two = strategy.signal(twoF, twoP, 2);
    assertThat(two.loss()).isCloseTo(one.loss(), within(1e-14));
    for (int i = 0; i < 10; i++) {
      assertThat(two.gradient()[i]).isCloseTo(one.gradient()[i % 5] / 2, within(1e-14));
    }
  }
}
