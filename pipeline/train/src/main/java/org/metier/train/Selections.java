package org.metier.train;

import java.util.BitSet;
import org.metier.engine.kernel.Routing;

/**
 * Which experts one micro-batch selected in each layer: a view on the model's last forward pass,
 * valid until the next.
 */
final class Selections {
  private final Routing[] layers;
  private final int sequences;
  private final long[][] counts;

  /**
   * @param layers routing of each layer, over the same tokens
   * @param sequences equally long ones that the tokens are
   */
  Selections(Routing[] layers, int sequences) {
    this.layers = layers;
    this.sequences = sequences;
    this.counts = byRun(1);
  }

  int tokens() {
    return layers[0].tokens();
  }

  /** Of the router, null experts included. */
  int experts() {
    return layers[0].columns();
  }

  /** [L][E] selections of the whole micro-batch. */
  long[][] counts() {
    return counts;
  }

  /** [L][S·E] selections of each of S runs of so many sequences. */
  long[][] bySequences(int together) {
    return byRun(sequences / together);
  }

  /** [L][E] selections of the tokens that are set. */
  long[][] ofTokens(BitSet tokens) {
    long[][] chosen = new long[layers.length][experts()];
    for (int l = 0; l < layers.length; l++) {
      int k = layers[l].topK();
      for (int t = tokens.nextSetBit(0); t >= 0; t = tokens.nextSetBit(t + 1)) {
        for (int j = 0; j < k; j++) {
          chosen[l][layers[l].expertOfSlot[t * k + j]]++;
        }
      }
    }
    return chosen;
  }

  private long[][] byRun(int runs) {
    long[][] byRun = new long[layers.length][runs * experts()];
    for (int l = 0; l < layers.length; l++) {
      layers[l].addCounts(byRun[l]);
    }
    return byRun;
  }
}
