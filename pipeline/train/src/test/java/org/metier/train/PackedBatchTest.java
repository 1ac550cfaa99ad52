package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.model.Batch;
import org.metier.model.Parameters;
import org.metier.model.TransformerLm;
import org.metier.prep.shard.TokenSequence;

/** What documents packed into one row see of each other: nothing. */
class PackedBatchTest {
  private static final int LENGTH = TrainFixture.LENGTH;

  private static int[] document(int length, long seed) {
    return new Random(seed).ints(length, 1, TrainFixture.VOCABULARY).toArray();
  }

  /** Documents one after the other, then padding; the target of a document's last token is 0. */
  private static TokenSequence row(int[]... documents) {
    int[] tokens = new int[LENGTH + 1];
    int[] start = new int[LENGTH];
    int[] of = new int[LENGTH];
    int[] lossMask = new int[LENGTH];
    Arrays.fill(of, TokenSequence.PADDING);
    int filled = 0;
    for (int d = 0; d < documents.length; d++) {
      int end = filled + documents[d].length;
      System.arraycopy(documents[d], 0, tokens, filled, documents[d].length);
      Arrays.fill(start, filled, end, filled);
      Arrays.fill(of, filled, end, d);
      Arrays.fill(lossMask, filled, end - 1, 1);
      filled = end;
    }
    Arrays.fill(start, filled, LENGTH, filled);
    return new TokenSequence(
        tokens, start, new int[LENGTH], of, lossMask, new long[documents.length]);
  }

  private static double[] losses(TokenSequence row) {
    Kernels kernels = new ReferenceKernels();
    TransformerLm model = TransformerLm.forEvaluation(kernels, TrainFixture.model(), 1);
    Parameters.initialize(model.parameters(), TrainFixture.model(), kernels, 5);
    model.evaluate(PackedBatch.of(List.of(row), LENGTH));
    return Arrays.copyOf(model.losses(), LENGTH);
  }

  @Test
  void aDocumentsLossIsTheSameWhateverStandsBeforeIt() {
    int[] document = document(LENGTH / 2, 1);
    int before = LENGTH / 2 - 2;
    double[] alone = losses(row(document));
    double[] behindOne = losses(row(document(before, 2), document));
    double[] behindAnother = losses(row(document(before, 3), document));
    double[] asOneDocument = losses(row(concatenate(document(before, 2), document)));
    for (int t = 0; t < document.length - 1; t++) {
      assertThat(behindOne[before + t]).isEqualTo(behindAnother[before + t]);
      // positions are relative: rotary embedding at another place differs in the last bits
      assertThat(behindOne[before + t]).isCloseTo(alone[t], within(1e-9));
    }
    double difference = 0;
    for (int t = 0; t < document.length - 1; t++) {
      difference += Math.abs(asOneDocument[before + t] - alone[t]);
    }
    assertThat(difference).isGreaterThan(1e-6); // one document does look back
  }

  @Test
  void paddingAndCutTargetsAreNotCounted() {
    TokenSequence row = row(document(3, 1), document(4, 2));
    Batch batch = PackedBatch.of(List.of(row), LENGTH);
    assertThat(batch.countedTargets()).isEqualTo(5);
    double[] losses = losses(row);
    for (int t = 0; t < LENGTH; t++) {
      boolean counts = t < 7 && t != 2 && t != 6;
      assertThat(batch.targets()[t]).isEqualTo(counts ? row.tokens()[t + 1] : -1);
      assertThat(losses[t] > 0).isEqualTo(counts);
    }
  }

  private static int[] concatenate(int[] a, int[] b) {
    int[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }
}
