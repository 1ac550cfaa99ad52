package org.metier.train;

import java.io.Serializable;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaRDDLike;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.resource.ResourceProfile;
import scala.Function2;
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

  /** {@link JavaRDDLike#mapPartitionsWithIndex}, gang-scheduled. */
  static <T, R> JavaRDD<R> mapPartitionsWithIndex(
      JavaRDDLike<T, ?> rdd,
      org.apache.spark.api.java.function.Function2<Integer, Iterator<T>, Iterator<R>> function) {
    Function2<Object, scala.collection.Iterator<T>, scala.collection.Iterator<R>> ofPartition =
        (Function2<Object, scala.collection.Iterator<T>, scala.collection.Iterator<R>>
                & Serializable)
            (index, elements) -> {
              Iterator<T> in = JavaConverters.asJavaIterator(elements);
              return JavaConverters.asScalaIterator(call(function, (Integer) index, in));
            };
    ClassTag<R> tag = tag();
    return JavaRDD.fromRDD(
        rdd.rdd().barrier().mapPartitionsWithIndex(ofPartition, false, tag), tag);
  }

  /**
   * Returns when Spark has a slot for each worker.
   *
   * @param profile what a slot must offer, if not what all stages ask for
   * @param patienceSeconds time that a cluster's executors are given to appear; a local Spark has
   *     all its slots from the start
   * @throws TooFewSlotsException if it has not
   */
  static void requireSlots(
      JavaSparkContext spark, Optional<ResourceProfile> profile, int workers, int patienceSeconds) {
    boolean local = spark.sc().isLocal();
    if (!local && spark.getConf().getBoolean("spark.dynamicAllocation.enabled", false)) {
      throw new TooFewSlotsException(
          "train.balance.window=step runs all workers at the same time, which Spark does only with"
              + " spark.dynamicAllocation.enabled=false");
    }
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(local ? 0 : patienceSeconds);
    int slots = slots(spark, profile);
    while (slots < workers && System.nanoTime() < deadline) {
      try {
        TimeUnit.MILLISECONDS.sleep(200);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while waiting for executors", e);
      }
      slots = slots(spark, profile);
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

  private static int slots(JavaSparkContext spark, Optional<ResourceProfile> profile) {
    ResourceProfile ofAll = spark.sc().resourceProfileManager().defaultResourceProfile();
    return spark.sc().maxNumConcurrentTasks(profile.orElse(ofAll));
  }

  private static <T, R> Iterator<R> call(
      org.apache.spark.api.java.function.Function2<Integer, Iterator<T>, Iterator<R>> function,
      Integer index,
      Iterator<T> elements) {
    try {
      return function.call(index, elements);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e); // ours throw no checked exceptions
    }
  }

  /** What Spark's own Java API passes for types that Java has erased. */
  @SuppressWarnings("unchecked")
  private static <T> ClassTag<T> tag() {
    return (ClassTag<T>) ClassTag$.MODULE$.Object();
  }
}
