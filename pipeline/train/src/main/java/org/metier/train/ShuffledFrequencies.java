package org.metier.train;

import java.util.BitSet;
import java.util.SplittableRandom;

/**
 * The ablation {@code Shuffle-LBL_micro} of arXiv 2501.11873: f over as many tokens as one
 * micro-batch holds, drawn without replacement from those of all workers' micro-batches. It has the
 * token count of the window {@code micro-batch} and the mixture of the window {@code step}, and so
 * tells which of the two matters.
 *
 * <p>All workers make the same draw from the same seed, each counts those of the drawn tokens that
 * are its own, and the exchange adds up the counts. Workers' micro-batches must be equally large,
 * as those of a round are.
 */
final class ShuffledFrequencies implements FrequencySync {
  private final long seed;
  private final int worker;
  private final int workers;
  private final CountExchange exchange;
  private long step;
  private SplittableRandom random;

  ShuffledFrequencies(long seed, int worker, int workers, CountExchange exchange) {
    this.seed = seed;
    this.worker = worker;
    this.workers = workers;
    this.exchange = exchange;
  }

  @Override
  public void beginStep(long step) {
    this.step = step;
    this.random = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + step);
  }

  @Override
  public double[][] frequencies(Selections batch) {
    return FrequencySync.ofCounts(exchange.sum(step, batch.ofTokens(draw(batch.tokens()))));
  }

  /** Selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S). */
  private BitSet draw(int tokens) {
    BitSet own = new BitSet(tokens);
    int left = tokens;
    int all = Math.multiplyExact(tokens, workers);
    for (int i = 0; i < all; i++) {
      if (random.nextInt(all - i) < left) {
        left--;
        if (i / tokens == worker) {
          own.set(i % tokens);
        }
      }
    }
    return own;
  }
}
