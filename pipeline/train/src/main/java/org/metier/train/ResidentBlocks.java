package org.metier.train;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.storage.StorageLevel;
import org.metier.train.Checkpoint.FileEntry;
import org.metier.train.SliceReduce.Contribution;

/**
 * What each worker keeps for itself from round to round: partition w of a persisted RDD holds
 * worker w's slices in the executor that trained it, where Spark prefers to run it again. A round
 * reads what the round before left and leaves new blocks beside it, so a task that is retried or
 * run twice starts from the same numbers and gives the same bits, wherever it runs. On a cluster
 * every block lies in two executors, so that one may be lost.
 *
 * <p>If all copies of a block are gone, the round ends with a {@link LostStateException} and the
 * run goes on from its last checkpoint, where each worker has a directory of its own.
 */
final class ResidentBlocks {
  private final JavaSparkContext spark;
  private final WorkerFiles files;
  private JavaPairRDD<Integer, Contribution> held;
  private Optional<JavaPairRDD<Integer, Contribution>> persisted = Optional.empty();

  /**
   * @param checkpoint that the run goes on from; without one, everything kept is zero
   */
  ResidentBlocks(
      JavaSparkContext spark, WorkerFiles files, int workers, Optional<Path> checkpoint) {
    this.spark = spark;
    this.files = files;
    if (files.slices().isEmpty() || checkpoint.isEmpty()) {
      this.held = spark.parallelizePairs(List.of(), workers);
    } else {
      String directory = checkpoint.get().toString();
      this.held =
          spark
              .parallelize(IntStream.range(0, workers).boxed().toList(), workers)
              .flatMapToPair(worker -> files.read(directory, worker));
    }
  }

  /** (slice, worker's version of it), one partition per worker; what is not there is zero. */
  JavaPairRDD<Integer, Contribution> held() {
    return held;
  }

  /**
   * To be called on a round's output before its first job: it will be read twice.
   *
   * <p>In the window {@code step} a worker that fails after the round's last exchange may find the
   * others' results held and nobody to exchange with when it runs again: the round then ends with a
   * {@link LostWorkerException}, and the run goes on from its last checkpoint. A failure before
   * that exchange is retried as ever.
   */
  void hold(JavaPairRDD<Integer, Contribution> trained) {
    if (!files.slices().isEmpty()) {
      trained.persist(StorageLevel.MEMORY_AND_DISK());
    }
  }

  /**
   * The round is done: what its workers left replaces what they started from. To be called while
   * the round's broadcasts are there.
   */
  void replaceBy(JavaPairRDD<Integer, Contribution> trained) {
    if (files.slices().isEmpty()) {
      return;
    }
    int first = files.slices().get(0).id();
    boolean oneProcess = spark.sc().isLocal();
    JavaPairRDD<Integer, Contribution> next =
        trained
            .filter(slice -> slice._1() >= first)
            .persist(
                oneProcess ? StorageLevel.MEMORY_AND_DISK() : StorageLevel.MEMORY_AND_DISK_2());
    // Cuts the lineage, which would grow with every round and reach into broadcasts long gone.
    next.rdd().localCheckpoint();
    next.foreachPartition(slices -> {});
    release();
    held = next;
    persisted = Optional.of(next);
  }

  /** The round is over, well or not: frees what {@link #hold} kept of it. */
  void forget(JavaPairRDD<Integer, Contribution> trained) {
    if (!files.slices().isEmpty()) {
      trained.unpersist(false);
    }
  }

  /** Frees what the executors hold. */
  void release() {
    // not RDD.unpersist, which warns of the lineage that we cut on purpose
    persisted.ifPresent(rdd -> spark.sc().unpersistRDD(rdd.id(), false));
    persisted = Optional.empty();
  }

  /** Every worker writes its own files below {@code directory}; returns them by relative name. */
  Map<String, FileEntry> write(Path directory) {
    Map<String, FileEntry> written = new TreeMap<>();
    if (!files.slices().isEmpty()) {
      WorkerFiles ofWorkers = files;
      String target = directory.toString();
      held.mapPartitionsWithIndex(
              (worker, slices) -> ofWorkers.write(target, worker, slices), false)
          .collect()
          .forEach(file -> written.put(file._1(), file._2()));
    }
    return written;
  }

  /** In place of Spark's own words, if {@code thrown} says that blocks are gone. */
  static Optional<LostStateException> lost(Throwable thrown, long round) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (String.valueOf(cause.getMessage()).contains("Checkpoint block rdd_")) {
        return Optional.of(
            new LostStateException(
                ("round %d: what a worker keeps for itself was lost with its executors; start"
                        + " it again to go on from the last checkpoint")
                    .formatted(round + 1),
                thrown));
      }
    }
    return Optional.empty();
  }
}
