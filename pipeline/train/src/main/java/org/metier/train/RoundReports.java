package org.metier.train;

import java.util.TreeMap;
import org.apache.spark.util.AccumulatorV2;

/**
 * The accumulator of a round. Spark may run a task twice (retries, speculation, lost executors) and
 * merges every attempt, so a plain sum would count twice. Here each report is keyed by its worker
 * and a later one replaces an earlier one; one instance serves one round. A refusal stays,
 * whichever attempt it came from: the driver cannot know which attempt's slices it was given.
 */
public final class RoundReports
    extends AccumulatorV2<WorkerReport, TreeMap<Integer, WorkerReport>> {
  private static final long serialVersionUID = 1L;

  private final long round;
  private final TreeMap<Integer, WorkerReport> byWorker = new TreeMap<>();

  public RoundReports(long round) {
    this.round = round;
  }

  @Override
  public boolean isZero() {
    return byWorker.isEmpty();
  }

  @Override
  public RoundReports copy() {
    RoundReports copy = new RoundReports(round);
    copy.byWorker.putAll(byWorker);
    return copy;
  }

  @Override
  public void reset() {
    byWorker.clear();
  }

  @Override
  public void add(WorkerReport report) {
    if (report.round() != round) {
      throw new IllegalArgumentException(
          "a report of round %d reached round %d".formatted(report.round(), round));
    }
    byWorker.merge(report.worker(), report, (before, now) -> before.refused() ? before : now);
  }

  @Override
  public void merge(AccumulatorV2<WorkerReport, TreeMap<Integer, WorkerReport>> other) {
    other.value().values().forEach(this::add);
  }

  /** Reports by worker, in worker order. */
  @Override
  public TreeMap<Integer, WorkerReport> value() {
    return byWorker;
  }
}
