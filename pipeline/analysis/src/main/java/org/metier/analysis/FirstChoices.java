package org.metier.analysis;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/**
 * Counts [ids][E] of first choices by token, of one layer and kind; what {@link Vocabulary} says.
 */
final class FirstChoices {
  /**
   * Draws for one id: beyond these the largest share of even routing is within 1 % of its limit.
   */
  private static final long MOST_DRAWS = 4096;

  private final int layer;
  private final String kind;
  private final int[] tokens;
  private final long[][] counts;
  private final long[] occurrences;
  private final double[] expertShare;

  private FirstChoices(int layer, String kind, TreeMap<Integer, long[]> byToken, int numExperts) {
    this.layer = layer;
    this.kind = kind;
    this.tokens = byToken.keySet().stream().mapToInt(Integer::intValue).toArray();
    this.counts = byToken.values().toArray(new long[0][]);
    this.occurrences = new long[tokens.length];
    this.expertShare = new double[numExperts];
    double total = 0;
    for (int i = 0; i < tokens.length; i++) {
      for (int e = 0; e < numExperts; e++) {
        occurrences[i] += counts[i][e];
        expertShare[e] += counts[i][e];
      }
      total += occurrences[i];
    }
    for (int e = 0; e < numExperts; e++) {
      expertShare[e] /= total;
    }
  }

  /**
   * @param key layer and kind with a space between
   * @param cells (expert, token, count) in any order; several of one cell add up
   */
  static FirstChoices of(String key, Iterable<long[]> cells, int numExperts) {
    TreeMap<Integer, long[]> byToken = new TreeMap<>();
    for (long[] cell : cells) {
      byToken.computeIfAbsent((int) cell[1], token -> new long[numExperts])[(int) cell[0]] +=
          cell[2];
    }
    int space = key.indexOf(' ');
    return new FirstChoices(
        Integer.parseInt(key.substring(0, space)), key.substring(space + 1), byToken, numExperts);
  }

  /** Rows of both tables; texts are left empty. */
  record Result(List<Row> rows, Row summary) implements Serializable {}

  Result result(AnalyzeConfig config) {
    List<Row> rows = new ArrayList<>();
    for (int e = 0; e < expertShare.length; e++) {
      addRows(rows, e, config.vocabularyTokens());
    }
    return new Result(rows, summary(config.seed()));
  }

  private void addRows(List<Row> rows, int expert, int most) {
    long rest = 0;
    long restOccurrences = 0;
    List<Integer> own = new ArrayList<>();
    for (int i = 0; i < tokens.length; i++) {
      rest += counts[i][expert];
      restOccurrences += occurrences[i];
      if (occurrences[i] >= Vocabulary.FREQUENT && information(i, expert) > 0) {
        own.add(i);
      }
    }
    own.sort(
        Comparator.<Integer>comparingDouble(i -> -information(i, expert)).thenComparing(i -> i));
    int rank = 0;
    for (int i : own.subList(0, Math.min(most, own.size()))) {
      rows.add(row(expert, ++rank, tokens[i], counts[i][expert], occurrences[i]));
      rest -= counts[i][expert];
      restOccurrences -= occurrences[i];
    }
    rows.add(row(expert, 0, -1, rest, restOccurrences));
  }

  private Row row(int expert, int rank, int token, long count, long occurrences) {
    double share = occurrences == 0 ? 0 : (double) count / occurrences;
    double lift = expertShare[expert] == 0 ? 0 : share / expertShare[expert];
    return RowFactory.create(layer, expert, kind, rank, token, "", count, occurrences, share, lift);
  }

  /** count · ln(lift); 0 without tokens. */
  private double information(int i, int expert) {
    long count = counts[i][expert];
    return count == 0 ? 0 : count * Math.log((double) count / occurrences[i] / expertShare[expert]);
  }

  private Row summary(long seed) {
    double[] score = new double[2]; // of all ids, of the frequent ones
    double[] shuffled = new double[2];
    long frequent = 0;
    for (int i = 0; i < tokens.length; i++) {
      double highest = (double) Arrays.stream(counts[i]).max().orElse(0) / occurrences[i];
      double byChance = highestByChance(i, seed);
      score[0] += highest;
      shuffled[0] += byChance;
      if (occurrences[i] >= Vocabulary.FREQUENT) {
        frequent++;
        score[1] += highest;
        shuffled[1] += byChance;
      }
    }
    long ids = tokens.length;
    return RowFactory.create(
        layer,
        kind,
        ids,
        score[0] / ids,
        shuffled[0] / ids,
        frequent,
        frequent == 0 ? 0.0 : score[1] / frequent,
        frequent == 0 ? 0.0 : shuffled[1] / frequent);
  }

  /** max_E of the shares when the id's first choices are drawn from those of all tokens. */
  private double highestByChance(int i, long seed) {
    long mixed = seed + 31L * (31L * layer + kind.hashCode()) + 0x9E3779B97F4A7C15L * tokens[i];
    SplittableRandom random = new SplittableRandom(mixed);
    long draws = Math.min(occurrences[i], MOST_DRAWS);
    long[] drawn = new long[expertShare.length];
    for (long draw = 0; draw < draws; draw++) {
      double u = random.nextDouble();
      int e = 0;
      while (u >= expertShare[e] && e < expertShare.length - 1) {
        u -= expertShare[e++];
      }
      drawn[e]++;
    }
    return (double) Arrays.stream(drawn).max().orElse(0) / draws;
  }
}
