package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.metier.train.TrainConfig.Window;

/**
 * Balance as a control loop, with the real windows and a linear router of two experts: the balance
 * loss moves the load of expert 0 by {@code -g (f̂ - 1/2)} a step, and f̂ is what the window takes
 * the load for. Theory (pipeline/train/GLOBAL-BALANCE.md): round-old frequencies are stable up to
 * {@code g H = 2} (for large H), where the load swings with a period of four rounds; corrected ones
 * up to {@code g n = π²/2}, for moving averages over n steps, whatever H is.
 */
class DelayedFeedbackTest {
  private static final int STEPS = 20; // H
  private static final int ROUNDS = 40;
  private static final int TOKENS = 20_000; // of a micro-batch: shares to within 1/20000
  private static final double START = 0.05; // imbalance, small enough for nothing to be clipped

  @ParameterizedTest
  @CsvSource({"0.2, true", "1, true", "1.6, true", "2.2, false", "3, false"})
  void staleFrequenciesAreStableBelowTwo(double gain, boolean stable) {
    assertThat(settles(imbalance(Window.ROUND_STALE, 1, gain, 0))).isEqualTo(stable);
  }

  /**
   * With x_r the mean imbalance of round r, d_r that at its start, G = g H and c = G (H - 1) / 2H:
   * {@code d_(r+1) = d_r - G x_(r-1)} and {@code x_r = d_r - c x_(r-1)}, so that {@code x_(r+2) =
   * (1 - c) x_(r+1) - (G - c) x_r}. At the limit G - c = 1 the swing neither grows nor decays, and
   * as 1 - c is small, x_(r+2) is about -x_r: a period of four rounds.
   */
  @Test
  void atTheLimitTheLoadSwingsWithAPeriodOfFourRounds() {
    double limit = 2.0 * STEPS / (STEPS + 1);
    double c = limit * (STEPS - 1) / (2 * STEPS);
    double[] load = imbalance(Window.ROUND_STALE, 1, limit, 0);
    int turns = 0;
    for (int r = 1; r + 2 < ROUNDS; r++) {
      assertThat(load[r + 2]).isCloseTo((1 - c) * load[r + 1] - load[r], within(0.01 * START));
      turns += load[r] * load[r + 1] < 0 ? 1 : 0;
    }
    assertThat(turns).isBetween(ROUNDS / 2 - 3, ROUNDS / 2); // half a period is two rounds
    assertThat(Math.abs(load[ROUNDS - 1]) + Math.abs(load[ROUNDS - 2])).isGreaterThan(START);
  }

  /** Limits g H = π²/2 · H/n: 24.7, 12.3 and 4.9 for n = 4, 8 and 20. */
  @ParameterizedTest
  @CsvSource({"4, 20, true", "8, 10, true", "8, 14, false", "20, 4, true", "20, 6, false"})
  void correctedOnesAreStableFarBeyond(int recentBatches, double gain, boolean stable) {
    assertThat(settles(imbalance(Window.ROUND, recentBatches, gain, 0))).isEqualTo(stable);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.1, 0.3})
  void workersWithDomainsOfTheirOwnChangeNothing(double bias) {
    double[] alike = imbalance(Window.ROUND, 8, 5, 0);
    double[] apart = imbalance(Window.ROUND, 8, 5, bias);
    assertThat(settles(apart)).isTrue();
    for (int r = 0; r < ROUNDS; r++) {
      assertThat(apart[r]).isCloseTo(alike[r], within(0.01 * START));
    }
  }

  private static boolean settles(double[] load) {
    return Math.abs(load[ROUNDS - 1]) < 0.1 * START && Math.abs(load[ROUNDS - 2]) < 0.1 * START;
  }

  /**
   * [R] global share of expert 0 over each round, less 1/2.
   *
   * @param gain g H
   * @param bias by which the shares of two workers' domains lie above and below their mean
   */
  private static double[] imbalance(Window window, int recent, double gain, double bias) {
    TrainConfig config =
        TrainFixture.train("", 2, STEPS, ROUNDS, 1, TrainFixture.balance(window, recent));
    double[] load = new double[ROUNDS];
    double router = START;
    GlobalFrequencies last = GlobalFrequencies.none();
    for (int r = 0; r < ROUNDS; r++) {
      List<WorkerReport> reports = new ArrayList<>();
      double sum = 0;
      for (int w = 0; w < 2; w++) {
        FrequencySync sync = FrequencySync.of(config, r, last, w, CountExchange.alone());
        RecentCounts recentCounts = new RecentCounts(recent);
        long[][] total = new long[1][2];
        double own = router;
        for (int s = 0; s < STEPS; s++) {
          double share = 0.5 + own + (w == 0 ? bias : -bias);
          long first = Math.round(Math.min(1, Math.max(0, share)) * TOKENS);
          long[][] batch = {{first, TOKENS - first}};
          recentCounts.add(batch);
          total[0][0] += first;
          total[0][1] += TOKENS - first;
          double seen = sync.frequencies(TrainFixture.selections(batch))[0][0];
          if (r > 0) { // the first round only measures
            own -= gain / STEPS * (seen - 0.5);
          }
        }
        sum += own / 2;
        reports.add(TrainFixture.report(r, w, total, recentCounts.toArray()));
      }
      router = sum;
      last = GlobalFrequencies.of(reports);
      load[r] = last.global()[0][0] - 0.5;
    }
    return load;
  }
}
