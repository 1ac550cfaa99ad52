package org.metier.train;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.PairFlatMapFunction;
import org.apache.spark.rdd.RDD;
import scala.Function1;
import scala.Tuple2;
import scala.collection.Iterator;
import scala.collection.JavaConverters;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/**
 * Stages whose tasks all run at the same time, which Spark calls barrier stages. If one task fails,
 * all are run again as a new attempt, provided that the stage feeds a shuffle: Spark never retries
 * a gang that is the last stage of its job.
 */
final class GangStage {
  private GangStage() {}

  /** {@link JavaRDD#flatMapToPair}, gang-scheduled. */
  static <T, K, V> JavaPairRDD<K, V> flatMapToPair(
      JavaRDD<T> rdd, PairFlatMapFunction<T, K, V> function) {
    Function1<Iterator<T>, Iterator<Tuple2<K, V>>> ofPartition =
        (Function1<Iterator<T>, Iterator<Tuple2<K, V>>> & Serializable)
            elements -> {
              List<Tuple2<K, V>> pairs = new ArrayList<>();
              while (elements.hasNext()) {
                call(function, elements.next()).forEachRemaining(pairs::add);
              }
              return JavaConverters.asScalaIterator(pairs.iterator());
            };
    ClassTag<Tuple2<K, V>> pair = tag(Tuple2.class);
    RDD<Tuple2<K, V>> pairs = rdd.rdd().barrier().mapPartitions(ofPartition, false, pair);
    return JavaPairRDD.fromRDD(pairs, tag(Object.class), tag(Object.class));
  }

  /**
   * Returns when Spark has a slot for each worker.
   *
   * @param patienceSeconds time that a cluster's executors are given to appear; a local Spark has
   *     all its slots from the start
   * @throws TooFewSlotsException if it has not
   */
  static void requireSlots(JavaSparkContext spark, int workers, int patienceSeconds) {
    boolean local = spark.sc().isLocal();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(local ? 0 : patienceSeconds);
    int slots = slots(spark);
    while (slots < workers && System.nanoTime() < deadline) {
      try {
        TimeUnit.MILLISECONDS.sleep(200);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while waiting for executors", e);
      }
      slots = slots(spark);
    }
    if (slots < workers) {
      throw new TooFewSlotsException(
          "train.balance.window=step runs all workers at the same time: train.workers is %d, %s %s"
              .formatted(
                  workers,
                  spark.sc().master(),
                  slots == 1 ? "has 1 task slot" : "has %d task slots".formatted(slots)));
    }
  }

  private static int slots(JavaSparkContext spark) {
    return spark
        .sc()
        .maxNumConcurrentTasks(spark.sc().resourceProfileManager().defaultResourceProfile());
  }

  private static <T, K, V> java.util.Iterator<Tuple2<K, V>> call(
      PairFlatMapFunction<T, K, V> function, T element) {
    try {
      return function.call(element);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e); // ours throw no checked exceptions
    }
  }

  /** Java has no class literal of a parameterised type. */
  @SuppressWarnings("unchecked")
  private static <T> ClassTag<T> tag(Class<?> type) {
    return (ClassTag<T>) ClassTag$.MODULE$.apply(type);
  }
}
