package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.metier.train.TrainFixture.selections;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.metier.model.balance.Frequencies;
import org.metier.train.TrainConfig.Accumulation;
import org.metier.train.TrainConfig.Balance;
import org.metier.train.TrainConfig.LayerReduction;
import org.metier.train.TrainConfig.Window;

/** What holds for every window and for any counts, drawn from a seed. */
class FrequencyPropertiesTest {
  private static final double EXACT = 1e-12;

  @Property(tries = 300)
  void frequenciesSumToOneAndAreNeverNegative(
      @ForAll Window window,
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 9) int experts,
      @ForAll @IntRange(min = 1, max = 5) int recent) {
    Random random = new Random(seed);
    int worker = random.nextInt(3);
    double share = random.nextBoolean() ? 0 : random.nextDouble();
    GlobalFrequencies last =
        random.nextInt(4) == 0
            ? GlobalFrequencies.none()
            : lastRound(
                List.of(
                    report(random, 0, experts),
                    report(random, 1, experts),
                    report(random, 2, experts)));
    FrequencySync sync = sync(window, recent, share, last, worker);
    for (int batch = 0; batch < 6; batch++) {
      sync.beginStep(batch);
      for (double[] layer : sync.frequencies(selections(counts(random, experts)))) {
        assertThat(layer).hasSize(experts);
        assertThat(Arrays.stream(layer).sum()).isCloseTo(1, within(EXACT));
        assertThat(Arrays.stream(layer).min().orElse(-1)).isNotNegative();
      }
    }
  }

  /** A fixed router on one mixture: every batch of every worker has the same selections. */
  @Property(tries = 100)
  void identicalWorkersWithAFixedRouterHaveTheGlobalFrequency(
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 4) int workers,
      @ForAll @IntRange(min = 1, max = 5) int recent) {
    Random random = new Random(seed);
    long[][] always = counts(random, 5);
    List<WorkerReport> reports = new ArrayList<>();
    for (int w = 0; w < workers; w++) {
      reports.add(report(w, always));
    }
    GlobalFrequencies last = lastRound(reports);
    FrequencySync sync = sync(Window.ROUND, recent, 0, last, random.nextInt(workers));
    for (int batch = 0; batch < 6; batch++) {
      double[][] frequencies = sync.frequencies(selections(always));
      for (int l = 0; l < always.length; l++) {
        assertThat(frequencies[l]).containsExactly(last.global()[l], within(EXACT));
      }
    }
  }

  /** H = 1, one worker, n = 1: the last round is one batch of this worker, and cancels. */
  @Property(tries = 100)
  void oneWorkerWithOneLocalStepAndOneRecentBatchIsExact(@ForAll long seed) {
    Random random = new Random(seed);
    GlobalFrequencies last = lastRound(List.of(report(random, 0, 6)));
    long[][] now = counts(random, 6);
    double[][] frequencies = sync(Window.ROUND, 1, 0, last, 0).frequencies(selections(now));
    for (int l = 0; l < now.length; l++) {
      assertThat(frequencies[l]).containsExactly(Frequencies.of(now[l]), within(EXACT));
    }
  }

  /** All workers draw the same tokens, as many as a micro-batch holds, each once. */
  @Property(tries = 50)
  void aShuffledMicroBatchHasAsManyTokensAsAMicroBatch(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 5) int workers) {
    Random random = new Random(seed);
    long[][][] all = new long[workers][][];
    long[] drawn = new long[6];
    int tokens = 40;
    for (int w = 0; w < workers; w++) {
      all[w] = new long[1][6];
      for (int t = 0; t < tokens; t++) {
        all[w][0][random.nextInt(6)]++;
      }
      CountExchange taps =
          (step, counts) -> {
            for (int e = 0; e < drawn.length; e++) {
              drawn[e] += counts[0][e];
            }
            return counts;
          };
      FrequencySync sync = new ShuffledFrequencies(seed, w, workers, taps);
      sync.beginStep(3);
      sync.frequencies(selections(all[w]));
    }
    assertThat(Arrays.stream(drawn).sum()).isEqualTo(tokens);
    for (int e = 0; e < drawn.length; e++) {
      int expert = e;
      assertThat(drawn[e])
          .isLessThanOrEqualTo(Arrays.stream(all).mapToLong(own -> own[0][expert]).sum());
    }
  }

  private static FrequencySync sync(
      Window window, int recent, double share, GlobalFrequencies last, int worker) {
    Balance balance =
        new Balance(
            window,
            1,
            LayerReduction.MEAN,
            recent,
            Accumulation.BUFFER,
            false,
            share,
            0,
            window,
            0);
    TrainConfig config = TrainFixture.train("", 3, 1, 1, 1, balance);
    return FrequencySync.of(config, 1, last, worker, CountExchange.alone());
  }

  private static GlobalFrequencies lastRound(List<WorkerReport> reports) {
    return GlobalFrequencies.of(reports);
  }

  private static WorkerReport report(Random random, int worker, int experts) {
    return report(worker, counts(random, experts));
  }

  private static WorkerReport report(int worker, long[][] counts) {
    return TrainFixture.report(0, worker, counts);
  }

  /** Two layers of the same number of tokens, some experts with none. */
  private static long[][] counts(Random random, int experts) {
    long[][] counts = new long[2][experts];
    for (long[] layer : counts) {
      for (int t = 0; t < 24; t++) {
        layer[(int) (random.nextDouble() * random.nextDouble() * experts)]++;
      }
    }
    return counts;
  }
}
