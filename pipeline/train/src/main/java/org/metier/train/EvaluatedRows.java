package org.metier.train;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.metier.train.RoutingCounts.TokenKind;

/** One layer's {@link RoutingCounts} as rows; cells without a token have none. */
final class EvaluatedRows {
  private EvaluatedRows() {}

  /** (layer, expert_a, expert_b, tokens), a &lt; b. */
  static Iterator<Row> pairs(int layer, RoutingCounts counts) {
    List<Row> rows = new ArrayList<>();
    int numExperts = counts.shape().numExperts();
    for (int cell = 0; cell < counts.pairs().length; cell++) {
      if (counts.pairs()[cell] > 0) {
        rows.add(
            RowFactory.create(layer, cell / numExperts, cell % numExperts, counts.pairs()[cell]));
      }
    }
    return rows.iterator();
  }

  /** (layer, kind, expert, token, tokens). */
  static Iterator<Row> vocabulary(int layer, RoutingCounts counts) {
    RoutingCounts.Shape shape = counts.shape();
    String[] kinds = new String[TokenKind.ALL.length];
    for (TokenKind kind : TokenKind.ALL) {
      kinds[kind.ordinal()] = kind.name().toLowerCase(Locale.ROOT);
    }
    List<Row> rows = new ArrayList<>(counts.vocabulary().size());
    counts
        .vocabulary()
        .forEach(
            (key, tokens) -> {
              long ofExpert = key / shape.vocabSize();
              rows.add(
                  RowFactory.create(
                      layer,
                      kinds[(int) (ofExpert / shape.numExperts())],
                      (int) (ofExpert % shape.numExperts()),
                      (int) (key % shape.vocabSize()),
                      tokens));
            });
    return rows.iterator();
  }

  /** (layer, expert, next_expert, domain, tokens). */
  static Iterator<Row> flow(int layer, RoutingCounts counts, List<String> domains) {
    RoutingCounts.Shape shape = counts.shape();
    List<Row> rows = new ArrayList<>(counts.flow().size());
    counts
        .flow()
        .forEach(
            (key, tokens) -> {
              long ofPair = key / shape.numDomains();
              rows.add(
                  RowFactory.create(
                      layer,
                      (int) (ofPair / shape.numExperts()),
                      (int) (ofPair % shape.numExperts()),
                      domains.get((int) (key % shape.numDomains())),
                      tokens));
            });
    return rows.iterator();
  }
}
