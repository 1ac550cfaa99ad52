package org.metier.engine.kernel.reference;

/** {@code out[t] = table[tokens[t]]}. */
final class Embedding {
  private Embedding() {}

  static void forward(View out, View table, int[] tokens) {
    check("embedding", out, table, tokens);
    out.requireDisjoint("embedding out", table);
    for (int t = 0; t < out.dim(0); t++) {
      for (int i = 0; i < out.dim(1); i++) {
        out.set(t, i, table.get(tokens[t], i));
      }
    }
  }

  static void backward(View dTable, View dOut, int[] tokens) {
    check("embeddingBackward", dOut, dTable, tokens);
    dTable.requireDisjoint("embeddingBackward dTable", dOut);
    for (int t = 0; t < dOut.dim(0); t++) {
      for (int i = 0; i < dOut.dim(1); i++) {
        dTable.add(tokens[t], i, dOut.get(t, i));
      }
    }
  }

  private static void check(String op, View rows, View table, int[] tokens) {
    table.requireRank(op + " table", 2);
    rows.requireRank(op + " rows", 2);
    rows.requireShape(op + " rows", rows.dim(0), table.dim(1));
    HostArrays.requireLength(op + " tokens", tokens.length, rows.dim(0));
    for (int t = 0; t < rows.dim(0); t++) {
      if (tokens[t] < 0 || tokens[t] >= table.dim(0)) {
        throw new IllegalArgumentException(
            "%s: token %d is %d, outside a vocabulary of %d"
                .formatted(op, t, tokens[t], table.dim(0)));
      }
    }
  }
}
