package org.metier.jobs.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One process at a time, and who has lost notices: on the local file system. */
class RunLeaseTest {
  private static final Configuration HADOOP = new Configuration();

  @TempDir java.nio.file.Path directory;

  @Test
  void aSecondIsRefusedWithHolderStartAndHeartbeat() throws IOException {
    try (RunLease first = acquire("train", 60)) {
      first.application("local-17");
      await(() -> !status().heartbeat().applicationId().isEmpty());
      Holder holder = status().holder().orElseThrow();
      assertThatThrownBy(() -> acquire("analyze", 60))
          .isInstanceOf(LeaseHeldException.class)
          .hasMessageMatching(
              "run.directory: r: held by train on \\S+ \\(process "
                  + ProcessHandle.current().pid()
                  + " of \\S+\\), application local-17 since "
                  + holder.started()
                  + ", last heartbeat \\d s ago; without one it is free after 60 s");
      first.requireHeld();
    }
  }

  @Test
  void oneThatWasGivenBackIsFreeAtOnceAndSaysHowItEnded() throws IOException {
    acquire("train", 60).end(5, "round 3: the loss is NaN");
    LeaseStatus ended = status();
    assertThat(ended.ending().orElseThrow().exitCode()).isEqualTo(5);
    assertThat(ended.ending().orElseThrow().line()).isEqualTo("round 3: the loss is NaN");
    assertThat(ended.holder().orElseThrow().job()).isEqualTo("train");
    try (RunLease second = acquire("analyze", 60)) {
      second.requireHeld();
      assertThat(second.writer()).isEqualTo("2");
    }
    assertThat(names()).containsExactly("000002.ended");
  }

  @Test
  void whoGaveItBackMayNotWriteAnyMore() throws IOException {
    RunLease first = acquire("train", 60);
    first.close();
    assertThatThrownBy(first::requireHeld)
        .isInstanceOf(LeaseLostException.class)
        .hasMessage("run.directory: r: this process is being stopped; it writes no more");
  }

  /**
   * The first holder stands still, the second takes over; the first wakes up and wants to write.
   */
  @Test
  void anExpiredOneIsTakenOverAndItsHolderNotices() throws Exception {
    CountDownLatch noticed = new CountDownLatch(1);
    LeaseDirectory files = new LeaseDirectory(new Path(directory.resolve("lease").toUri()), HADOOP);
    RunLease asleep = acquire("train", 3600, noticed::countDown); // next heartbeat in 10 minutes
    await(() -> names().contains("000001.beat"));
    files.take(2, Holder.ofThisProcess("train", "r", 60));
    assertThatThrownBy(asleep::requireHeld)
        .isInstanceOf(LeaseLostException.class)
        .hasMessageContaining("another process has taken the lease over");
    assertThat(noticed.getCount()).isZero();
    asleep.end(0, "");
    assertThat(names())
        .as("the new holder's stays")
        .contains("000002.json")
        .doesNotContain("000002.ended");
  }

  @Test
  void theHeartbeatNoticesThatAnotherTookOver() throws Exception {
    CountDownLatch noticed = new CountDownLatch(1);
    RunLease first = acquire("train", 1, noticed::countDown);
    new LeaseDirectory(new Path(directory.resolve("lease").toUri()), HADOOP)
        .take(2, Holder.ofThisProcess("train", "r", 60));
    assertThat(noticed.await(30, TimeUnit.SECONDS)).isTrue();
    assertThat(first.loss()).isPresent();
  }

  /** A heartbeat that is renewed keeps the lease for longer than it lasts without. */
  @Test
  void heartbeatsKeepIt() throws Exception {
    try (RunLease first = acquire("train", 1)) {
      TimeUnit.MILLISECONDS.sleep(2500);
      first.requireHeld();
      assertThatThrownBy(() -> acquire("train", 1)).isInstanceOf(LeaseHeldException.class);
    }
  }

  /** Many see it expired at the same time; one gets it, all others are told so. */
  @RepeatedTest(5)
  void ofManyWhoSeeItExpiredOneWins() throws Exception {
    LeaseDirectory files = new LeaseDirectory(new Path(directory.resolve("lease").toUri()), HADOOP);
    files.take(1, Holder.ofThisProcess("train", "r", 1)); // killed: never a heartbeat
    java.nio.file.Path file = directory.resolve("lease/000001.json");
    Files.setLastModifiedTime(
        file, java.nio.file.attribute.FileTime.fromMillis(System.currentTimeMillis() - 5000));
    int contenders = 8;
    ExecutorService threads = Executors.newFixedThreadPool(contenders);
    CountDownLatch go = new CountDownLatch(1);
    List<Future<RunLease>> launches = new ArrayList<>();
    for (int i = 0; i < contenders; i++) {
      Callable<RunLease> launch =
          () -> {
            go.await();
            return acquire("train", 60);
          };
      launches.add(threads.submit(launch));
    }
    go.countDown();
    List<RunLease> winners = new ArrayList<>();
    for (Future<RunLease> launch : launches) {
      try {
        winners.add(launch.get(60, TimeUnit.SECONDS));
      } catch (java.util.concurrent.ExecutionException e) {
        assertThat(e).hasCauseInstanceOf(LeaseHeldException.class);
      }
    }
    threads.shutdown();
    assertThat(winners).hasSize(1);
    winners.get(0).requireHeld();
    winners.get(0).close();
  }

  /** What a store without atomic creation may do: the later writer's token stands in the file. */
  @Test
  void aStrangersTokenUnderTheSameNumberMeansThatItIsLost() throws Exception {
    RunLease first = acquire("train", 3600);
    await(() -> names().contains("000001.beat"));
    String json = Files.readString(directory.resolve("lease/000001.json"));
    String token = status().holder().orElseThrow().token();
    Files.writeString(directory.resolve("lease/000001.json"), json.replace(token, "stranger"));
    assertThatThrownBy(first::requireHeld).isInstanceOf(LeaseLostException.class);
  }

  @Test
  void progressIsThereForThoseWhoLook() throws Exception {
    try (RunLease lease = acquire("train", 1)) {
      lease.progress(Map.of("round", 7));
      await(() -> Integer.valueOf(7).equals(status().heartbeat().progress().get("round")));
    }
  }

  private RunLease acquire(String job, int seconds) throws IOException {
    return acquire(job, seconds, () -> {});
  }

  private RunLease acquire(String job, int seconds, Runnable whenLost) throws IOException {
    return RunLease.acquire(
        "run.directory: r",
        new Path(directory.resolve("lease").toUri()),
        HADOOP,
        Holder.ofThisProcess(job, "r", seconds),
        whenLost);
  }

  private LeaseStatus status() throws IOException {
    return LeaseStatus.of(new Path(directory.resolve("lease").toUri()), HADOOP).orElseThrow();
  }

  private List<String> names() throws IOException {
    try (var files = Files.list(directory.resolve("lease"))) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }

  private static void await(Callable<Boolean> condition) throws IOException {
    try {
      for (int i = 0; i < 600 && !condition.call(); i++) {
        TimeUnit.MILLISECONDS.sleep(50);
      }
      assertThat(condition.call()).isTrue();
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
