package org.metier.train;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.storage.StorageLevel;

/**
 * Heap and seconds for counting routing decisions as an evaluation does, without a model: tasks of
 * 64 sequences draw tokens (Zipf) and experts, count them, are cached and added up by layer. Start
 * it with {@code -Xmx2g}: that it ends is the claim.
 *
 * <p>Arguments: millions of decisions (default 100).
 */
final class CountingBenchmark {
  private static final int LAYERS = 4;
  private static final int EXPERTS = 16;
  private static final int TOP_K = 2;
  private static final int VOCABULARY = 4096;
  private static final int DOMAINS = 8;
  private static final int TOKENS_OF_TASK = 64 * 256;

  private CountingBenchmark() {}

  public static void main(String[] arguments) {
    long millions = arguments.length == 0 ? 100 : Long.parseLong(arguments[0]);
    long tasks = millions * 1_000_000 / (LAYERS * TOP_K * TOKENS_OF_TASK) + 1;
    JavaSparkContext context =
        JavaSparkContext.fromSparkContext(TrainFixture.spark().sparkContext());
    List<Long> seeds = new ArrayList<>();
    for (long t = 0; t < tasks; t++) {
      seeds.add(t);
    }
    long began = System.nanoTime();
    JavaRDD<EvaluatedSequences> evaluated =
        context
            .parallelize(seeds, seeds.size())
            .map(CountingBenchmark::task)
            .persist(StorageLevel.MEMORY_AND_DISK());
    evaluated.count();
    double counted = (System.nanoTime() - began) / 1e9;
    long cells =
        Evaluation.layers(evaluated, 2)
            .values()
            .map(l -> (long) l.vocabulary().size() + l.flow().size())
            .reduce(Long::sum);
    double seconds = (System.nanoTime() - began) / 1e9;
    long decisions = tasks * TOKENS_OF_TASK * LAYERS * TOP_K;
    long peak = 0;
    for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
      peak += pool.getType() == MemoryType.HEAP ? pool.getPeakUsage().getUsed() : 0;
    }
    System.out.printf(
        "%,d decisions in %,d tasks: %,d cells, counted in %.1f s, added up after %.1f s,"
            + " heap peaks %,d MiB of %,d MiB%n",
        decisions,
        tasks,
        cells,
        counted,
        seconds,
        peak >> 20,
        Runtime.getRuntime().maxMemory() >> 20);
  }

  private static EvaluatedSequences task(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    RoutingCounts.Shape shape = new RoutingCounts.Shape(EXPERTS, TOP_K, VOCABULARY, DOMAINS);
    List<RoutingCounts> layers = new ArrayList<>();
    int[][] experts = new int[LAYERS][TOKENS_OF_TASK * TOP_K];
    for (int l = 0; l < LAYERS; l++) {
      layers.add(new RoutingCounts(shape));
      for (int t = 0; t < TOKENS_OF_TASK; t++) {
        experts[l][TOP_K * t] = random.nextInt(EXPERTS);
        experts[l][TOP_K * t + 1] =
            (experts[l][TOP_K * t] + 1 + random.nextInt(EXPERTS - 1)) % EXPERTS;
      }
    }
    for (int t = 0; t < TOKENS_OF_TASK; t++) {
      int input = token(random);
      int target = token(random);
      int predicted = token(random);
      for (int l = 0; l < LAYERS; l++) {
        layers.get(l).addToken(experts[l], TOP_K * t, input, target, predicted);
        if (l + 1 < LAYERS) {
          layers.get(l).addFlow(experts[l], experts[l + 1], TOP_K * t, (int) (seed % DOMAINS));
        }
      }
    }
    return new EvaluatedSequences(List.of(), List.of(), List.of(), layers);
  }

  /** Density 1/x, about Zipf's law. */
  private static int token(SplittableRandom random) {
    return (int) Math.min(VOCABULARY - 1, Math.exp(random.nextDouble() * Math.log(VOCABULARY)));
  }
}
