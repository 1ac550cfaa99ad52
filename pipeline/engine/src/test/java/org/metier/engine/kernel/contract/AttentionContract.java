package org.metier.engine.kernel.contract;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.Tensor;

/** Per-head norm with rotation, and causal attention within documents. */
interface AttentionContract extends Contract {

  /** Which earlier positions a token may see. */
  enum Visible {
    WHOLE_SEQUENCE,
    DOCUMENTS,
    ITSELF_ONLY,
    SLIDING_WINDOW;

    int[] documentStart(AttentionShape shape, Trial trial) {
      int[] start = new int[shape.tokens() + 3]; // longer than needed: the rest must be ignored
      for (int t = 0; t < shape.tokens(); t++) {
        int position = t % shape.sequence();
        start[t] =
            switch (this) {
              case WHOLE_SEQUENCE -> 0;
              case DOCUMENTS ->
                  position == 0 ? 0 : trial.random().nextInt(7) == 0 ? position : start[t - 1];
              case ITSELF_ONLY -> position;
              case SLIDING_WINDOW -> Math.max(0, position - 4);
            };
      }
      start[shape.tokens()] = -1;
      return start;
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 2",
    "2, 3, 3, 3, 16",
    "1, 17, 4, 2, 32",
    "3, 65, 3, 1, 64",
    "2, 130, 6, 2, 16",
    "5, 7, 5, 5, 6",
    "11, 65, 3, 1, 32"
  })
  default void headNormRotary(int batch, int sequence, int heads, int kvHeads, int headDim) {
    AttentionShape shape = new AttentionShape(batch, sequence, heads, kvHeads, headDim);
    assertAgrees(
        "headNormRotary " + shape,
        trial -> {
          Kernels k = trial.kernels();
          int tokens = shape.tokens();
          int width = shape.qkvWidth();
          double theta = 10_000;
          Tensor qkv = trial.input("qkv", tokens, width);
          Tensor queryWeight = trial.input("queryWeight", headDim);
          Tensor keyWeight = trial.input("keyWeight", headDim);
          Tensor dOut = trial.input("dOut", tokens, width);
          Tensor inverseRms = trial.output("inverseRms", tokens, heads + kvHeads);
          Tensor out = trial.output("out", tokens, width);
          k.headNormRotary(out, inverseRms, qkv, queryWeight, keyWeight, shape, theta, 0.1);
          k.headNormRotaryBackward(
              trial.output("dQkv", tokens, width),
              trial.accumulator("dQueryWeight", headDim),
              trial.accumulator("dKeyWeight", headDim),
              dOut,
              inverseRms,
              qkv,
              queryWeight,
              keyWeight,
              shape,
              theta);
        });
  }

  /** A table of angles that a backend keeps must follow θ and grow with the sequence. */
  @Test
  default void rotationFollowsEveryCallsThetaAndLength() {
    assertAgrees(
        "headNormRotary with changing theta and length",
        trial -> {
          Tensor weight = trial.input("weight", 4);
          int[] lengths = {5, 5, 40, 9};
          double[] thetas = {100, 10_000, 10_000, 500};
          for (int call = 0; call < lengths.length; call++) {
            AttentionShape shape = new AttentionShape(1, lengths[call], 1, 1, 4);
            Tensor qkv = trial.input("qkv " + call, shape.tokens(), shape.qkvWidth());
            Tensor out = trial.output("out " + call, shape.tokens(), shape.qkvWidth());
            Tensor inverseRms = trial.output("inverseRms " + call, shape.tokens(), 2);
            trial
                .kernels()
                .headNormRotary(out, inverseRms, qkv, weight, weight, shape, thetas[call], 0.1);
          }
        });
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 2, WHOLE_SEQUENCE",
    "2, 3, 3, 3, 16, WHOLE_SEQUENCE",
    "1, 17, 4, 2, 32, WHOLE_SEQUENCE",
    "1, 17, 4, 2, 32, DOCUMENTS",
    "3, 65, 3, 1, 64, DOCUMENTS",
    "3, 65, 3, 3, 64, ITSELF_ONLY",
    "2, 130, 6, 2, 16, WHOLE_SEQUENCE",
    "2, 130, 6, 2, 16, DOCUMENTS",
    "2, 131, 6, 3, 16, SLIDING_WINDOW",
    "1, 257, 2, 1, 64, WHOLE_SEQUENCE",
    "1, 258, 2, 1, 6, DOCUMENTS",
    "5, 7, 5, 5, 2, DOCUMENTS"
  })
  default void attention(
      int batch, int sequence, int heads, int kvHeads, int headDim, Visible visible) {
    AttentionShape shape = new AttentionShape(batch, sequence, heads, kvHeads, headDim);
    assertAgrees(
        "attention over " + visible + ", " + shape,
        trial -> {
          Tensor qkv = trial.input("qkv", shape.tokens(), shape.qkvWidth());
          runAttention(trial, qkv, visible.documentStart(shape, trial), shape);
        });
  }

  /**
   * Scores of ±100, where exp of a float overflows. Queries and keys are small integers and √D is
   * 4, so that every backend computes the scores exactly and only the softmax is on trial.
   */
  @Test
  default void attentionWithLargeScores() {
    AttentionShape shape = new AttentionShape(2, 37, 2, 1, 16);
    assertAgrees(
        "attention with large scores",
        trial -> {
          int width = shape.qkvWidth();
          float[] values = trial.normals(shape.tokens() * width);
          for (int t = 0; t < shape.tokens(); t++) {
            for (int column = 0; column < shape.queryWidth() + shape.keyWidth(); column++) {
              int level = trial.random().nextInt(-5, 6);
              values[t * width + column] = t % 3 == 0 ? (t % 2 == 0 ? 5 : -5) : level;
            }
          }
          Tensor qkv = trial.input("qkv", values, shape.tokens(), width);
          runAttention(trial, qkv, Visible.DOCUMENTS.documentStart(shape, trial), shape);
        });
  }

  private static void runAttention(
      Trial trial, Tensor qkv, int[] documentStart, AttentionShape shape) {
    int tokens = shape.tokens();
    Tensor dOut = trial.input("dOut", tokens, shape.queryWidth());
    Tensor out = trial.output("out", tokens, shape.queryWidth());
    Tensor logSumExp = trial.output("logSumExp", tokens, shape.heads());
    Tensor dQkv = trial.output("dQkv", tokens, shape.qkvWidth());
    trial.kernels().attention(out, logSumExp, qkv, documentStart, shape);
    trial.kernels().attentionBackward(dQkv, dOut, out, logSumExp, qkv, documentStart, shape);
  }
}
