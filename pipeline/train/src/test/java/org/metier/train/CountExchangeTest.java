package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.metier.train.ExchangeMessage.Sender;

/** The exchange of counts over real connections: sums, lost workers, retries, secrets. */
@Timeout(60)
class CountExchangeTest {

  @Test
  void everyWorkerGetsTheSumOfAllInEveryExchange() throws Exception {
    try (LocalGang gang = new LocalGang(3, 20)) {
      List<long[][]> last =
          gang.run(
              0,
              (worker, exchange) -> {
                long[][] sum = null;
                for (int step = 0; step < 50; step++) {
                  long[][] own = {{worker, step}, {1L << 40, -worker}};
                  sum = exchange.sum(step, own);
                  assertThat(sum[0]).containsExactly(3, 3L * step);
                  assertThat(sum[1]).containsExactly(3L << 40, -3);
                }
                return sum;
              });
      assertThat(last.get(0)).isNotSameAs(last.get(1));
      assertThat(gang.server().failure()).isEmpty();
    }
  }

  @Test
  void aWorkerThatFailsEndsTheOthersWaitWithItsNameAndTheStep() {
    try (LocalGang gang = new LocalGang(3, 20)) {
      List<Future<Object>> workers =
          gang.start(
              0,
              (worker, exchange) -> {
                exchange.sum(6, new long[][] {{1}});
                if (worker == 1) {
                  exchange.fail(7, new IllegalStateException("boom\nwith details"));
                  return null;
                }
                return exchange.sum(7, new long[][] {{1}});
              });
      for (int worker : new int[] {0, 2}) {
        assertThatThrownBy(() -> workers.get(worker).get(10, TimeUnit.SECONDS))
            .isInstanceOf(ExecutionException.class)
            .cause()
            .isInstanceOf(LostWorkerException.class)
            .hasMessage("step 8: worker 1 failed: java.lang.IllegalStateException: boom");
      }
      assertThat(gang.server().failure())
          .hasValue("step 8: worker 1 failed: java.lang.IllegalStateException: boom");
    }
  }

  /** Before, between and after the others' reports, and whatever its connection does then. */
  @Test
  void aWorkerThatWithdrawsLetsTheOthersGoOn() throws Exception {
    try (LocalGang gang = new LocalGang(3, 20)) {
      List<long[][]> last =
          gang.run(
              0,
              (worker, exchange) -> {
                long[][] sum = null;
                for (int step = 0; step < 20; step++) {
                  if (worker == 1 && step == 5) {
                    exchange.withdraw();
                    return sum; // and its connection closes
                  }
                  sum = exchange.sum(step, new long[][] {{worker + 1}});
                  assertThat(sum[0][0]).isEqualTo(step < 5 ? 6 : 4);
                }
                return sum;
              });
      assertThat(last.stream().map(sum -> sum[0][0])).containsExactly(4L, 6L, 4L);
      assertThat(gang.server().failure()).isEmpty();
    }
  }

  @Test
  void aConnectionThatBreaksEndsTheWait() {
    try (LocalGang gang = new LocalGang(2, 20)) {
      List<Future<Object>> workers =
          gang.start(
              0,
              (worker, exchange) -> {
                exchange.sum(0, new long[][] {{1}});
                return worker == 0 ? exchange.sum(1, new long[][] {{1}}) : null;
              });
      assertThatThrownBy(() -> workers.get(0).get(10, TimeUnit.SECONDS))
          .hasRootCauseInstanceOf(LostWorkerException.class)
          .hasRootCauseMessage("step 2: worker 1 is gone: its connection was closed");
    }
  }

  @Test
  void aSilentWorkerEndsTheWaitWhenTheTimeIsOver() {
    try (LocalGang gang = new LocalGang(2, 1);
        CountExchange waits = gang.connect(0, 0, 0);
        CountExchange silent = gang.connect(0, 0, 1)) {
      assertThat(silent).isNotNull();
      assertThatThrownBy(() -> waits.sum(4, new long[][] {{1}}))
          .isInstanceOf(LostWorkerException.class)
          .hasMessage(
              "step 5: no expert counts from worker 1 within 1 s (train.exchangeTimeoutSeconds)");
    }
  }

  @Test
  void aNewAttemptEndsTheOldOneAndStartsAfresh() throws Exception {
    try (LocalGang gang = new LocalGang(2, 20);
        CountExchange old = gang.connect(0, 0, 0)) {
      var waits = java.util.concurrent.CompletableFuture.supplyAsync(() -> old.sum(3, counts(100)));
      Thread.sleep(100); // so that the old report comes first; either order passes
      List<long[][]> sums = gang.run(1, (worker, exchange) -> exchange.sum(3, counts(worker)));
      assertThat(sums.get(0)[0]).containsExactly(1);
      assertThat(sums.get(1)[0]).containsExactly(1);
      assertThatThrownBy(() -> waits.get(10, TimeUnit.SECONDS))
          .rootCause()
          .hasMessageContaining("this attempt of the round was given up");
    }
  }

  @Test
  void workersAtDifferentExchangesAreToldSo() {
    try (LocalGang gang = new LocalGang(2, 20)) {
      List<Future<Object>> workers =
          gang.start(
              0,
              (worker, exchange) ->
                  exchange.sum(0, worker == 0 ? new long[][] {{1}} : new long[][] {{1, 2}}));
      assertThatThrownBy(
              () -> {
                workers.get(0).get(10, TimeUnit.SECONDS);
                workers.get(1).get(10, TimeUnit.SECONDS);
              })
          .rootCause()
          .hasMessageMatching("step 1: worker . has reported . counts, the others .");
    }
  }

  @Test
  void withSparksAuthenticationOnlyTheSecretOpensTheExchange() throws Exception {
    for (String encryption : List.of("spark.network.crypto.enabled", "spark.unused")) {
      SparkConf conf = authenticated("one").set(encryption, "true");
      try (LocalGang gang = new LocalGang(conf, 2, 10)) {
        List<long[][]> sums = gang.run(0, (worker, exchange) -> exchange.sum(0, counts(5)));
        assertThat(sums.get(1)[0]).containsExactly(10);
        for (SparkConf wrong :
            List.of(authenticated("two").set(encryption, "true"), LocalGang.conf())) {
          assertThatThrownBy(() -> stranger(wrong, gang).sum(0, counts(1)))
              .isInstanceOf(LostWorkerException.class)
              .hasMessageContaining("worker 0");
        }
      }
    }
  }

  private static CountExchange stranger(SparkConf conf, LocalGang gang) {
    ExchangeServer.Address address = gang.server().address();
    return new TransportExchange(conf, LocalGang.security(conf), address, new Sender(0, 0, 0));
  }

  private static SparkConf authenticated(String secret) {
    return LocalGang.conf()
        .set("spark.master", "spark://somewhere:7077") // local Spark would make its own secret
        .set("spark.authenticate", "true")
        .set("spark.authenticate.secret", secret);
  }

  private static long[][] counts(long count) {
    return new long[][] {{count}};
  }
}
