package org.metier.analysis;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/**
 * Routing as a trained model would make it: each domain prefers some experts, the more so the
 * deeper the layer, and each sequence has preferences of its own. A token takes the k experts with
 * the largest logit + Gumbel noise, which draws k of E without replacement.
 */
record Synthetic(
    int layers, int experts, int topK, List<String> domains, int sequences, int tokens, long seed) {

  static final List<String> DOMAINS =
      List.of("css", "dictionary", "java", "javascript", "parliament", "python", "scala", "sql");

  /** Of tokens; the second token of every four is punctuation. */
  static final List<String> CLASSES = List.of("word", "punctuation");

  static final Synthetic SMALL = new Synthetic(3, 8, 2, DOMAINS.subList(0, 4), 80, 32, 1);

  /** Rows of {@code sequence_routing}; {@code strength} 0 makes routing ignore the domain. */
  List<Row> routing(double strength) {
    SplittableRandom random = new SplittableRandom(seed);
    double[][][] preference = new double[layers][domains.size()][experts];
    for (double[][] layer : preference) {
      for (double[] domain : layer) {
        for (int e = 0; e < experts; e++) {
          domain[e] = random.nextGaussian();
        }
      }
    }
    List<Row> rows = new ArrayList<>();
    for (int s = 0; s < sequences; s++) {
      int d = s % domains.size();
      for (int l = 0; l < layers; l++) {
        double[] logits = new double[experts];
        for (int e = 0; e < experts; e++) {
          double depth = (l + 1.0) / layers;
          logits[e] = strength * depth * preference[l][d][e] + 0.4 * random.nextGaussian();
        }
        rows.add(row(s, d, l, logits, random));
      }
    }
    return rows;
  }

  private Row row(int sequence, int domain, int layer, double[] logits, SplittableRandom random) {
    double normaliser = 0;
    for (double logit : logits) {
      normaliser += Math.exp(logit);
    }
    Long[] counts = new Long[experts];
    Double[] mass = new Double[experts];
    Long[] classes = new Long[CLASSES.size() * experts];
    java.util.Arrays.fill(counts, 0L);
    java.util.Arrays.fill(classes, 0L);
    java.util.Arrays.fill(mass, 0.0);
    double scoreSum = 0;
    for (int t = 0; t < tokens; t++) {
      double[] noisy = new double[experts];
      List<Integer> order = new ArrayList<>();
      for (int e = 0; e < experts; e++) {
        noisy[e] = logits[e] - Math.log(-Math.log(random.nextDouble(1e-12, 1)));
        order.add(e);
      }
      order.sort((a, b) -> Double.compare(noisy[b], noisy[a]));
      for (int e : order.subList(0, topK)) {
        double probability = Math.exp(logits[e]) / normaliser;
        counts[e]++;
        classes[(t % 4 == 1 ? experts : 0) + e]++;
        mass[e] += probability;
        scoreSum += probability;
      }
    }
    return RowFactory.create(
        (long) sequence,
        domains.get(domain),
        layer,
        (long) tokens,
        counts,
        mass,
        scoreSum,
        new long[experts],
        classes);
  }

  List<Row> losses() {
    SplittableRandom random = new SplittableRandom(seed + 1);
    List<Row> rows = new ArrayList<>();
    for (int s = 0; s < sequences; s++) {
      int d = s % domains.size();
      double loss = (tokens - 1) * (2 + 0.2 * d + 0.1 * random.nextGaussian());
      rows.add(RowFactory.create((long) s, domains.get(d), tokens - 1L, loss, 3L * tokens));
    }
    return rows;
  }

  /** Zipf-like counts over 500 ids. */
  List<Row> counts() {
    List<Row> rows = new ArrayList<>();
    for (int d = 0; d < domains.size(); d++) {
      for (int token = 0; token < 500; token++) {
        rows.add(
            RowFactory.create(domains.get(d), token, 1L + 10_000L / (1 + (token * (d + 3)) % 500)));
      }
    }
    return rows;
  }

  static Dataset<Row> routingFrame(List<Row> rows) {
    return SparkForTests.SPARK.createDataFrame(rows, RoutingSchema.SEQUENCE_ROUTING);
  }

  static Dataset<Row> lossFrame(List<Row> rows) {
    return SparkForTests.SPARK.createDataFrame(rows, RoutingSchema.SEQUENCE_LOSS);
  }

  static Dataset<Row> countFrame(List<Row> rows) {
    return SparkForTests.SPARK.createDataFrame(rows, RoutingSchema.TOKEN_COUNTS);
  }

  Tables tables(double strength) {
    return tables(strength, new AnalyzeConfig(100_000, 100, 100, 7));
  }

  Tables tables(double strength, AnalyzeConfig config) {
    return new Analysis(SparkForTests.SPARK, config)
        .tables(
            routingFrame(routing(strength)), lossFrame(losses()), countFrame(counts()), CLASSES);
  }

  static <T> List<T> shuffled(List<T> rows, long seed) {
    List<T> shuffled = new ArrayList<>(rows);
    Collections.shuffle(shuffled, new java.util.Random(seed));
    return shuffled;
  }
}
