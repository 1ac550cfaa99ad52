package org.metier.analysis;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;

/**
 * Seconds for all tables of 5,000 sequences × 12 layers × 64 experts, 8 domains, 200 permutations
 * and 1,000 bootstraps, on local[2] and with the rows already in memory.
 *
 * <p>Measured on 2 shared AVX2 cores, third repetition: 5.6 s of CPU, of which 2.8 s resample and
 * the rest reads 60,000 rows out of Spark.
 */
final class AnalysisBenchmark {
  private static final int SEQUENCES = 5_000;
  private static final int LAYERS = 12;
  private static final int EXPERTS = 64;
  private static final int TOP_K = 8;
  private static final int TOKENS = 512;

  private AnalysisBenchmark() {}

  public static void main(String[] arguments) {
    SparkSession spark = SparkForTests.SPARK;
    Synthetic rest = new Synthetic(1, 2, 1, Synthetic.DOMAINS, SEQUENCES, TOKENS, 1);
    Dataset<Row> routing = Synthetic.routingFrame(routing()).cache();
    Dataset<Row> losses = Synthetic.lossFrame(rest.losses()).cache();
    Dataset<Row> counts = Synthetic.countFrame(rest.counts()).cache();
    System.out.println(routing.count() + losses.count() + counts.count() + " rows in memory");
    for (int repetition = 0; repetition < 3; repetition++) {
      long start = System.nanoTime();
      double cpu = cpuSeconds();
      Tables tables =
          new Analysis(spark, AnalyzeConfig.DEFAULT)
              .tables(routing, losses, counts, List.of("word"));
      System.out.printf(
          "%d rows of expert_domain in %.2f s, %.2f s of CPU%n",
          tables.expertDomain().size(), (System.nanoTime() - start) / 1e9, cpuSeconds() - cpu);
    }
  }

  private static double cpuSeconds() {
    return ProcessHandle.current().info().totalCpuDuration().orElseThrow().toMillis() / 1e3;
  }

  private static List<Row> routing() {
    SplittableRandom random = new SplittableRandom(1);
    List<Row> rows = new ArrayList<>();
    for (int s = 0; s < SEQUENCES; s++) {
      for (int l = 0; l < LAYERS; l++) {
        Long[] counts = new Long[EXPERTS];
        Double[] mass = new Double[EXPERTS];
        java.util.Arrays.fill(counts, (long) TOP_K * TOKENS / EXPERTS);
        java.util.Arrays.fill(mass, 1.0);
        // Moves that keep the sum.
        for (int e = 0; e + 1 < EXPERTS; e += 2) {
          int moved = random.nextInt(TOP_K * TOKENS / EXPERTS);
          counts[e] += moved;
          counts[e + 1] -= moved;
        }
        String domain = Synthetic.DOMAINS.get(s % Synthetic.DOMAINS.size());
        rows.add(
            RowFactory.create((long) s, domain, l, (long) TOKENS, counts, mass, 100.0, counts));
      }
    }
    return rows;
  }
}
