package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.metier.train.TrainFixture.selections;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Routing;
import org.metier.train.TrainConfig.Window;

/** Identities of the balance windows. */
class FrequencySyncTest {
  private static final double EXACT = 1e-12;
  private static final long[][] BATCH = {{6, 2, 0, 0}, {1, 1, 1, 5}};

  @Test
  void microBatchIsTheBatchAlone() {
    FrequencySync sync = sync(Window.MICRO_BATCH, 4, lastRound(BATCH, BATCH), 0);
    assertThat(sync.frequencies(selections(BATCH))[0]).containsExactly(.75, .25, 0, 0);
    assertThat(sync.frequencies(selections(BATCH))[1]).containsExactly(.125, .125, .125, .625);
  }

  /** Four sequences of two tokens each, of two experts. */
  @Test
  void aWindowOfSeveralSequencesCountsThemTogether() {
    Routing routing = new Routing(8, 2, 1);
    int[] experts = {0, 0, 0, 1, 1, 1, 1, 1};
    System.arraycopy(experts, 0, routing.expertOfSlot, 0, 8);
    routing.sortByExpert(8);
    Selections batch = new Selections(new Routing[] {routing}, 4);
    assertThat(windows(1, batch)).containsExactly(1, 0, .5, .5, 0, 1, 0, 1);
    assertThat(windows(2, batch)).containsExactly(.75, .25, 0, 1);
    assertThat(windows(4, batch)).containsExactly(3 / 8., 5 / 8.);
    assertThatThrownBy(() -> windows(3, batch))
        .hasMessage("balance.windowSequences must divide batchSequences (4), is 3");
  }

  private static double[] windows(int sequences, Selections batch) {
    TrainConfig config = TrainFixture.train("", 2, 1, 4, 1, BalanceFixture.windowsOf(sequences));
    return FrequencySync.of(config, 1, GlobalFrequencies.none(), 0, CountExchange.alone())
        .frequencies(batch)[0];
  }

  @Test
  void staleIsTheLastRoundsGlobalFrequencyWhateverHappens() {
    long[][] other = {{0, 0, 4, 4}, {8, 0, 0, 0}};
    FrequencySync sync = sync(Window.ROUND_STALE, 4, lastRound(BATCH, other), 1);
    for (int i = 0; i < 3; i++) {
      assertThat(sync.frequencies(selections(BATCH))[0])
          .containsExactly(6 / 16., 2 / 16., .25, .25);
    }
  }

  @Test
  void roundWithAFixedRouterIsTheGlobalFrequency() {
    long[][] other = {{0, 0, 4, 4}, {8, 0, 0, 0}};
    FrequencySync sync = sync(Window.ROUND, 3, lastRound(BATCH, other), 0);
    for (int i = 0; i < 5; i++) {
      assertThat(sync.frequencies(selections(BATCH))[0])
          .containsExactly(new double[] {6 / 16., 2 / 16., .25, .25}, within(EXACT));
    }
  }

  @Test
  void roundWithOneWorkerAndOneRecentBatchIsExact() {
    FrequencySync sync = sync(Window.ROUND, 1, lastRound(BATCH), 0);
    long[][] now = {{0, 1, 3, 4}, {2, 2, 2, 2}};
    assertThat(sync.frequencies(selections(now))[0])
        .containsExactly(new double[] {0, .125, .375, .5}, within(EXACT));
  }

  @Test
  void roundFollowsTheWorkersOwnDrift() {
    long[][] own = {{4, 4, 0, 0}, {2, 2, 2, 2}};
    long[][] other = {{0, 0, 4, 4}, {2, 2, 2, 2}};
    FrequencySync sync = sync(Window.ROUND, 1, lastRound(own, other), 0);
    // The worker moves 1/4 of its load from expert 0 to 1: so does its picture of everyone.
    long[][] now = {{2, 6, 0, 0}, {2, 2, 2, 2}};
    assertThat(sync.frequencies(selections(now))[0])
        .containsExactly(new double[] {0, .5, .25, .25}, within(EXACT));
  }

  @Test
  void theFirstRoundStandsOnTheWorkersRecentBatches() {
    FrequencySync sync = sync(Window.ROUND, 2, GlobalFrequencies.none(), 0);
    long[][] first = {{8, 0, 0, 0}};
    long[][] second = {{0, 8, 0, 0}};
    long[][] third = {{0, 0, 8, 0}};
    assertThat(sync.frequencies(selections(first))[0]).containsExactly(1, 0, 0, 0);
    assertThat(sync.frequencies(selections(second))[0]).containsExactly(.5, .5, 0, 0);
    assertThat(sync.frequencies(selections(third))[0]).containsExactly(0, .5, .5, 0);
  }

  @Test
  void aSecondAttemptReplacesTheFirstAndNeverAddsToIt() {
    RoundReports onDriver = new RoundReports(7);
    for (int attempt = 0; attempt < 2; attempt++) {
      RoundReports onExecutor = onDriver.copyAndReset() instanceof RoundReports r ? r : null;
      onExecutor.add(report(7, 1, BATCH));
      onDriver.merge(onExecutor);
    }
    RoundReports other = new RoundReports(7);
    other.add(report(7, 0, BATCH));
    onDriver.merge(other);
    assertThat(onDriver.value().keySet()).containsExactly(0, 1);
    GlobalFrequencies f = GlobalFrequencies.of(onDriver.value().values());
    assertThat(f.global()[0]).containsExactly(.75, .25, 0, 0);
  }

  private static FrequencySync sync(Window window, int n, GlobalFrequencies last, int worker) {
    TrainConfig config = TrainFixture.train("", 2, 1, 1, 1, TrainFixture.balance(window, n));
    return FrequencySync.of(config, 1, last, worker, CountExchange.alone());
  }

  private static GlobalFrequencies lastRound(long[][]... countsByWorker) {
    List<WorkerReport> reports = new java.util.ArrayList<>();
    for (int w = 0; w < countsByWorker.length; w++) {
      reports.add(report(0, w, countsByWorker[w]));
    }
    return GlobalFrequencies.of(reports);
  }

  private static WorkerReport report(long round, int worker, long[][] counts) {
    return TrainFixture.report(round, worker, counts);
  }
}
