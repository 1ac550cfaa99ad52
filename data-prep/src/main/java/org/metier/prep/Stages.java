package org.metier.prep;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** Runs the stages of a job one after the other, times them and tells how far each is. */
final class Stages {
  private static final long POLL_MILLISECONDS = 200;

  private final Progress progress;
  private final Map<String, Double> seconds = new LinkedHashMap<>();

  Stages(Progress progress) {
    this.progress = progress;
  }

  /**
   * Runs one stage.
   *
   * @param done asked several times a second for the units done so far
   * @param summary one line about the result
   * @throws BadDataException if that is what ended the work, in this thread or in a Spark task
   */
  <T> T run(
      String name,
      long total,
      String unit,
      LongSupplier done,
      Supplier<T> work,
      Function<T, String> summary) {
    long start = System.nanoTime();
    progress.stage(name, total, unit);
    T result;
    ScheduledExecutorService poller = Executors.newSingleThreadScheduledExecutor(Stages::daemon);
    try {
      Runnable poll = () -> progress.advance(Math.min(total, done.getAsLong()));
      poller.scheduleWithFixedDelay(
          poll, POLL_MILLISECONDS, POLL_MILLISECONDS, TimeUnit.MILLISECONDS);
      result = work.get();
    } catch (Exception e) { // Spark's own is checked, and thrown undeclared
      throw unwrap(e);
    } finally {
      stop(poller);
    }
    seconds.put(name, (System.nanoTime() - start) / 1e9);
    progress.advance(total);
    progress.done(summary.apply(result));
    return result;
  }

  /** Seconds of each stage so far. */
  Map<String, Double> seconds() {
    return seconds;
  }

  private static Thread daemon(Runnable task) {
    Thread thread = new Thread(task, "prepare-progress");
    thread.setDaemon(true);
    return thread;
  }

  private static void stop(ScheduledExecutorService poller) {
    poller.shutdown();
    try {
      poller.awaitTermination(1, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static RuntimeException unwrap(Exception e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof BadDataException badData) {
        return badData;
      }
    }
    return e instanceof RuntimeException unchecked
        ? unchecked
        : new IllegalStateException(e.getMessage(), e);
  }
}
