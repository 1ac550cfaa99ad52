package org.metier.train;

import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The driver's side of an exchange, for one attempt of one gang of W workers: takes a report from
 * each, adds them up, answers all at once, and is ready for the next. Everyone who waits is told as
 * soon as one worker is known to be lost. Thread-safe; answers are given with the lock held, so
 * they must not block.
 */
final class CountGathering {
  private final Waiting[] waiting;
  private final boolean[] withdrawn;
  private final long timeoutNanos;
  private int expected;
  private int reported;
  private long[] sum;
  private long exchange;
  private long waitingSince;
  private String failure;
  private long failedStep = -1;
  private String told;

  /** Where the answer to one report goes. */
  interface Reply {
    void sum(long[] counts);

    void failure(String message);
  }

  private record Waiting(long step, Reply reply) {}

  CountGathering(int workers, long timeoutNanos) {
    this.waiting = new Waiting[workers];
    this.withdrawn = new boolean[workers];
    this.expected = workers;
    this.timeoutNanos = timeoutNanos;
  }

  /**
   * One worker's counts.
   *
   * @param number of the exchange, counted from 0 by each worker
   * @param step optimiser steps of the run before this one; for messages
   */
  synchronized void report(int worker, long number, long step, long[] counts, Reply reply) {
    if (failure == null && number != exchange) {
      failure = "worker %d is at exchange %d, the others at %d".formatted(worker, number, exchange);
    }
    if (failure == null && waiting[worker] != null) {
      failure = "worker %d has reported twice".formatted(worker);
    }
    if (failure == null && sum != null && sum.length != counts.length) {
      failure =
          "worker %d has reported %d counts, the others %d"
              .formatted(worker, counts.length, sum.length);
    }
    Waiting report = new Waiting(step, reply);
    if (failure != null) {
      refuse(report);
      answerFailure();
      return;
    }
    waiting[worker] = report;
    add(counts);
    reported++;
    if (reported == expected) {
      answerSum();
    }
  }

  /** The worker gives no more counts: the others' exchanges go on without it. */
  synchronized void withdraw(int worker) {
    if (withdrawn[worker]) {
      return;
    }
    withdrawn[worker] = true;
    expected--;
    if (reported > 0 && reported == expected) {
      answerSum();
    }
  }

  /** The worker says that it has failed in a step, whether or not others wait for it yet. */
  synchronized void failed(int worker, long step, String reason) {
    if (failure == null) {
      failedStep = step;
      failure = "worker %d failed: %s".formatted(worker, reason);
      told = line(step);
    }
    answerFailure();
  }

  /** The worker is gone; whether others waited for it decides if that matters. */
  synchronized void lost(int worker, String reason) {
    if (!withdrawn[worker]) {
      fail("worker %d %s".formatted(worker, reason));
    }
  }

  /** Ends this gang's exchanges. What was known first is what is told. */
  synchronized void fail(String reason) {
    if (failure == null) {
      failure = reason;
    }
    answerFailure();
  }

  /** Gives up on workers that have kept the others waiting for too long. */
  synchronized void checkTime(long nanoTime) {
    if (reported == 0 || nanoTime - waitingSince < timeoutNanos) {
      return;
    }
    String missing =
        IntStream.range(0, waiting.length)
            .filter(worker -> waiting[worker] == null && !withdrawn[worker])
            .mapToObj(worker -> "worker " + worker)
            .collect(Collectors.joining(" and "));
    fail(
        "no expert counts from %s within %d s (train.exchangeTimeoutSeconds)"
            .formatted(missing, TimeUnit.NANOSECONDS.toSeconds(timeoutNanos)));
  }

  /**
   * What the first worker that waited in vain was told, or else what the first that failed said.
   */
  synchronized Optional<String> failure() {
    return Optional.ofNullable(told);
  }

  private void add(long[] counts) {
    if (reported == 0) {
      sum = counts.clone();
      waitingSince = System.nanoTime();
      return;
    }
    for (int i = 0; i < counts.length; i++) {
      sum[i] += counts[i];
    }
  }

  private void answerSum() {
    Waiting[] all = waiting.clone();
    long[] counts = sum;
    clear();
    exchange++;
    for (Waiting one : all) {
      if (one != null) {
        one.reply.sum(counts);
      }
    }
  }

  private void answerFailure() {
    Waiting[] all = waiting.clone();
    clear();
    for (Waiting one : all) {
      if (one != null) {
        refuse(one);
      }
    }
  }

  private void refuse(Waiting report) {
    String line = line(failedStep < 0 ? report.step : failedStep);
    if (told == null) {
      told = line;
    }
    report.reply.failure(line);
  }

  private String line(long step) {
    return "step %d: %s".formatted(step + 1, failure);
  }

  private void clear() {
    Arrays.fill(waiting, null);
    reported = 0;
    sum = null;
  }
}
