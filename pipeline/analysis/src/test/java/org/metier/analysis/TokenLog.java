package org.metier.analysis;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * A routing log written token by token, from which every input of the analysis is counted naively.
 */
final class TokenLog {
  static final List<String> CLASSES = List.of("word", "number");

  private record Token(long sequence, String domain, int input, int tokenClass, int[][] experts) {}

  private final int numExperts;
  private final List<Token> tokens = new ArrayList<>();

  TokenLog(int numExperts) {
    this.numExperts = numExperts;
  }

  /**
   * @param experts [L][k], best first
   */
  TokenLog token(long sequence, String domain, int input, int tokenClass, int[]... experts) {
    tokens.add(new Token(sequence, domain, input, tokenClass, experts));
    return this;
  }

  Tables tables() {
    List<Row> losses = new ArrayList<>();
    TreeMap<String, Long> byDomain = new TreeMap<>();
    TreeMap<String, long[]> segments = new TreeMap<>();
    for (Token token : tokens) {
      byDomain.merge(token.domain, 1L, Long::sum);
      segments
          .computeIfAbsent(
              token.domain + " " + token.sequence, s -> new long[] {token.sequence, 0})[1]++;
    }
    segments.forEach(
        (key, s) ->
            losses.add(
                RowFactory.create(
                    s[0], key.substring(0, key.indexOf(' ')), s[1], 1.0 * s[1], s[1])));
    List<Row> counts = new ArrayList<>();
    byDomain.forEach((domain, n) -> counts.add(RowFactory.create(domain, 1, n)));
    return new Analysis(SparkForTests.SPARK, new AnalyzeConfig(100_000, 20, 20, 7))
        .tables(
            frame(routing(), RoutingSchema.SEQUENCE_ROUTING),
            frame(losses, RoutingSchema.SEQUENCE_LOSS),
            frame(counts, RoutingSchema.TOKEN_COUNTS),
            CLASSES);
  }

  private List<Row> routing() {
    Map<String, List<Token>> segments = new TreeMap<>();
    for (Token token : tokens) {
      segments
          .computeIfAbsent(token.domain + " " + token.sequence, s -> new ArrayList<>())
          .add(token);
    }
    List<Row> rows = new ArrayList<>();
    for (List<Token> segment : segments.values()) {
      for (int l = 0; l < segment.get(0).experts.length; l++) {
        Long[] counts = zeros(numExperts);
        Long[] classes = zeros(CLASSES.size() * numExperts);
        Double[] mass = new Double[numExperts];
        java.util.Arrays.fill(mass, 0.0);
        for (Token token : segment) {
          for (int e : token.experts[l]) {
            counts[e]++;
            classes[token.tokenClass * numExperts + e]++;
            mass[e] += 1.0 / token.experts[l].length;
          }
        }
        Token first = segment.get(0);
        rows.add(
            RowFactory.create(
                first.sequence,
                first.domain,
                l,
                (long) segment.size(),
                counts,
                mass,
                1.0,
                zeros(numExperts),
                classes));
      }
    }
    return rows;
  }

  private static Long[] zeros(int length) {
    Long[] zeros = new Long[length];
    java.util.Arrays.fill(zeros, 0L);
    return zeros;
  }

  /** {@link RoutingSchema#PAIR_COUNTS}, a row per token and pair. */
  List<Row> pairs() {
    List<Row> rows = new ArrayList<>();
    for (Token token : tokens) {
      for (int l = 0; l < token.experts.length; l++) {
        for (int a : token.experts[l]) {
          for (int b : token.experts[l]) {
            if (a < b) {
              rows.add(RowFactory.create(l, a, b, 1L));
            }
          }
        }
      }
    }
    return rows;
  }

  /** {@link RoutingSchema#FLOW_COUNTS}, a row per token and way. */
  List<Row> flow() {
    List<Row> rows = new ArrayList<>();
    for (Token token : tokens) {
      for (int l = 0; l + 1 < token.experts.length; l++) {
        for (int a : token.experts[l]) {
          for (int b : token.experts[l + 1]) {
            rows.add(RowFactory.create(l, a, b, token.domain, 1L));
          }
        }
      }
    }
    return rows;
  }

  /** {@link RoutingSchema#VOCABULARY_COUNTS} of the inputs, a row per token. */
  Dataset<Row> vocabularyCounts() {
    List<Row> rows = new ArrayList<>();
    for (Token token : tokens) {
      for (int l = 0; l < token.experts.length; l++) {
        rows.add(RowFactory.create(l, "input", token.experts[l][0], token.input, 1L));
      }
    }
    return frame(rows, RoutingSchema.VOCABULARY_COUNTS);
  }

  /** Token 5 is called "t5". */
  Dataset<Row> vocabulary() {
    TreeMap<Integer, Row> rows = new TreeMap<>();
    tokens.forEach(t -> rows.put(t.input, RowFactory.create(t.input, "t" + t.input)));
    return frame(List.copyOf(rows.values()), RoutingSchema.VOCABULARY);
  }

  static Dataset<Row> frame(List<Row> rows, StructType schema) {
    return SparkForTests.SPARK.createDataFrame(rows, schema);
  }
}
