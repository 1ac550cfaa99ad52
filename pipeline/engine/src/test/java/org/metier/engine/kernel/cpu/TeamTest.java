package org.metier.engine.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class TeamTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void everyTaskRunsOnceAndItsWritesAreSeen(int threads) {
    try (Team team = new Team(threads)) {
      AtomicIntegerArray workers = new AtomicIntegerArray(threads);
      for (int round = 0; round < 2000; round++) {
        int[] runs = new int[round % 7];
        team.forEach(
            runs.length,
            (index, worker) -> {
              runs[index]++;
              workers.incrementAndGet(worker);
            });
        assertThat(Arrays.stream(runs)).allMatch(count -> count == 1);
      }
      assertThat(workers.get(0)).isPositive();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void rowsAreCutByTheGrainAlone(int threads) {
    try (Team team = new Team(threads)) {
      int[] lengthOfBlock = new int[3];
      team.forRows(23, 10, (from, to, worker) -> lengthOfBlock[from / 10] = to - from);
      assertThat(lengthOfBlock).containsExactly(10, 10, 3);
      assertThat(Team.blocks(23, 10)).isEqualTo(3);
      team.forRows(0, 10, (from, to, worker) -> lengthOfBlock[0] = -1);
      assertThat(lengthOfBlock[0]).isEqualTo(10);
    }
  }

  @Test
  void aFailureReachesTheCallerAndTheTeamLivesOn() {
    try (Team team = new Team(2)) {
      for (int round = 0; round < 50; round++) {
        assertThatThrownBy(
                () ->
                    team.forEach(
                        8,
                        (index, worker) -> {
                          throw new IllegalArgumentException("task " + index);
                        }))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageStartingWith("a kernel thread failed: task ")
            .hasCauseInstanceOf(IllegalArgumentException.class);
        int[] runs = new int[8];
        team.forEach(8, (index, worker) -> runs[index]++);
        assertThat(runs).containsOnly(1);
      }
    }
  }

  @Test
  void closeEndsTheThreads() throws InterruptedException {
    Team team = new Team(3);
    Thread[] started = {null, null, null};
    // Three tasks that wait for each other are on three threads.
    CountDownLatch all = new CountDownLatch(3);
    team.forEach(
        3,
        (index, worker) -> {
          started[worker] = Thread.currentThread();
          all.countDown();
          try {
            all.await();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
    assertThat(started[0]).isSameAs(Thread.currentThread());
    assertThat(started[1].isDaemon()).isTrue();
    team.close();
    started[1].join();
    started[2].join();
  }

  @Test
  void workAfterCloseIsRefusedAndNeverWaitsForThreadsThatAreGone() {
    Team team = new Team(2);
    team.close();
    assertThatThrownBy(() -> team.forEach(4, (index, worker) -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("these kernels are closed");
  }

  @Test
  void noThreadsIsRefused() {
    assertThatThrownBy(() -> new Team(0)).hasMessage("threads must be at least 1, is 0");
  }
}
