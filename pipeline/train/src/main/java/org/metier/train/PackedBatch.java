package org.metier.train;

import java.util.List;
import org.metier.model.Batch;
import org.metier.prep.shard.TokenSequence;

/** From packed sequences, as shards hold them, to the batch that a model takes. */
final class PackedBatch {
  /** A target that the loss leaves out. */
  private static final int NOT_COUNTED = -1;

  private PackedBatch() {}

  /**
   * One batch of all sequences, in their order.
   *
   * @param length T, input tokens of each
   */
  static Batch of(List<TokenSequence> sequences, int length) {
    int tokens = sequences.size() * length;
    Batch batch =
        new Batch(sequences.size(), length, new int[tokens], new int[tokens], new int[tokens]);
    for (int i = 0; i < sequences.size(); i++) {
      TokenSequence s = sequences.get(i);
      System.arraycopy(s.tokens(), 0, batch.inputs(), i * length, length);
      for (int t = 0; t < length; t++) {
        batch.targets()[i * length + t] = s.counts(t) ? s.tokens()[t + 1] : NOT_COUNTED;
      }
      System.arraycopy(s.documentStart(), 0, batch.documentStart(), i * length, length);
    }
    return batch;
  }
}
