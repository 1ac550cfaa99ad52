package org.metier.engine.kernel.nd4j;

import java.util.Arrays;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * Grouped-query attention (Ainslie et al., arXiv 2305.13245), one sequence and one kv head at a
 * time. The g query heads that share it are stacked to [g·S, D], so that each product is one GEMM
 * and the sums over the group fall out of it: {@code P = softmax(Q Kᵀ/√D + mask)}, {@code O = P V};
 * {@code dV = Pᵀ dO}, {@code dZ = P ⊙ (dO Vᵀ - rowsum(dO ⊙ O))}, {@code dQ = dZ K/√D}, {@code dK =
 * dZᵀ Q/√D}.
 *
 * <p>Scratch memory is a few times g·S²; the hidden half above the diagonal is computed and masked.
 */
final class CausalAttention {
  /** Added to hidden scores: exp of it is 0, and unlike an infinity it never makes a NaN. */
  private static final double HIDDEN = -1e30;

  private CausalAttention() {}

  static void forward(
      Tensor out, Tensor logSumExp, Tensor qkv, int[] documentStart, AttentionShape shape) {
    for (int b = 0; b < shape.batch(); b++) {
      try (Temporaries ofSequence = new Temporaries()) {
        INDArray mask = mask(ofSequence, documentStart, b, shape, Views.of(qkv).dataType());
        for (int kv = 0; kv < shape.kvHeads(); kv++) {
          try (Temporaries t = new Temporaries()) {
            Group group = new Group(shape, b, kv);
            INDArray z = group.scores(t, qkv, mask);
            Softmax softmax = Softmax.ofRows(t, z);
            group.logSumExp(logSumExp).assign(group.byHead(softmax.logSumExp()));
            INDArray v = t.copy(group.values(qkv));
            INDArray o = t.array(z.dataType(), group.rows(), shape.headDim());
            Ops.multiply(o, 0, softmax.probabilities(), false, v, false);
            group.queries(out, shape.queryWidth()).assign(group.byHead(o));
          }
        }
      }
    }
  }

  static void backward(
      Tensor dQkv,
      Tensor dOut,
      Tensor out,
      Tensor logSumExp,
      Tensor qkv,
      int[] documentStart,
      AttentionShape shape) {
    for (int b = 0; b < shape.batch(); b++) {
      try (Temporaries ofSequence = new Temporaries()) {
        INDArray mask = mask(ofSequence, documentStart, b, shape, Views.of(qkv).dataType());
        for (int kv = 0; kv < shape.kvHeads(); kv++) {
          backward(dQkv, dOut, out, logSumExp, qkv, mask, new Group(shape, b, kv));
        }
      }
    }
  }

  private static void backward(
      Tensor dQkv,
      Tensor dOut,
      Tensor out,
      Tensor logSumExp,
      Tensor qkv,
      INDArray mask,
      Group group) {
    AttentionShape shape = group.shape;
    int width = shape.headDim();
    try (Temporaries t = new Temporaries()) {
      INDArray p = group.scores(t, qkv, mask); // becomes exp(z - logSumExp)
      p.subi(t.copy(group.logSumExp(logSumExp)).reshape(group.rows(), 1));
      Transforms.exp(p, false);
      INDArray dO = t.copy(group.queries(dOut, shape.queryWidth())).reshape(group.rows(), width);
      INDArray o = t.copy(group.queries(out, shape.queryWidth())).reshape(group.rows(), width);
      INDArray q = t.copy(group.queries(qkv, shape.qkvWidth())).reshape(group.rows(), width);
      INDArray k = t.copy(group.keys(qkv));
      INDArray v = t.copy(group.values(qkv));

      INDArray ofKeys = t.array(p.dataType(), shape.sequence(), width);
      Ops.multiply(ofKeys, 0, p, true, dO, false);
      group.values(dQkv).assign(ofKeys);

      INDArray dZ = t.array(p.dataType(), p.shape());
      Ops.multiply(dZ, 0, dO, false, v, true);
      o.muli(dO);
      dZ.subi(t.keep(o.sum(true, 1)));
      dZ.muli(p).muli(1 / Math.sqrt(width));

      Ops.multiply(ofKeys, 0, dZ, true, q, false);
      group.keys(dQkv).assign(ofKeys);
      Ops.multiply(q, 0, dZ, false, k, false); // q is used up and takes dQ
      group.queries(dQkv, shape.qkvWidth()).assign(group.byHead(q));
    }
  }

  /** [1, S, S]: 0 where row t may see column s, {@link #HIDDEN} elsewhere. */
  private static INDArray mask(
      Temporaries t, int[] documentStart, int b, AttentionShape shape, DataType type) {
    int s = shape.sequence();
    int[] start = Arrays.copyOfRange(documentStart, b * s, b * s + s);
    INDArray first = t.copy(t.keep(Nd4j.createFromArray(start)), type).reshape(s, 1);
    INDArray position = t.copy(t.keep(Nd4j.arange(s)), type);
    INDArray before = Ops.less(t, position.reshape(1, s), first);
    INDArray after = Ops.less(t, position.reshape(s, 1), position.reshape(1, s));
    return before.addi(after).muli(HIDDEN).reshape(1, s, s);
  }

  /** The query heads of one sequence that read one kv head, and where they lie. */
  private record Group(AttentionShape shape, int sequence, int kvHead) {
    int heads() {
      return shape.heads() / shape.kvHeads();
    }

    /** Rows of the stacked queries, g·S. */
    long rows() {
      return (long) heads() * shape.sequence();
    }

    /** Q Kᵀ/√D + mask, [g·S, S]. */
    INDArray scores(Temporaries t, Tensor qkv, INDArray mask) {
      INDArray q = t.copy(queries(qkv, shape.qkvWidth())).reshape(rows(), shape.headDim());
      INDArray k = t.copy(keys(qkv));
      INDArray z = t.array(q.dataType(), rows(), shape.sequence());
      Ops.multiply(z, 0, q, false, k, true);
      z.muli(1 / Math.sqrt(shape.headDim()));
      z.reshape(heads(), shape.sequence(), shape.sequence()).addi(mask);
      return z;
    }

    /** [g, S, D] in a tensor whose rows begin with the queries and are {@code rowSize} wide. */
    INDArray queries(Tensor tensor, int rowSize) {
      int width = shape.headDim();
      return Views.strided(
          tensor,
          (long) sequence * shape.sequence() * rowSize + (long) kvHead * heads() * width,
          new long[] {heads(), shape.sequence(), width},
          new long[] {width, rowSize, 1});
    }

    INDArray keys(Tensor qkv) {
      return columns(qkv, shape.queryWidth());
    }

    INDArray values(Tensor qkv) {
      return columns(qkv, shape.queryWidth() + shape.keyWidth());
    }

    private INDArray columns(Tensor qkv, int block) {
      Tensor rows = qkv.rows(sequence * shape.sequence(), shape.sequence());
      return Views.columns(rows, block + kvHead * shape.headDim(), shape.headDim());
    }

    /** [g, S, 1]. */
    INDArray logSumExp(Tensor tensor) {
      return Views.strided(
          tensor,
          (long) sequence * shape.sequence() * shape.heads() + (long) kvHead * heads(),
          new long[] {heads(), shape.sequence(), 1},
          new long[] {1, shape.heads(), 1});
    }

    /** Stacked rows [g·S, w] as [g, S, w]. */
    INDArray byHead(INDArray stacked) {
      return stacked.reshape(heads(), shape.sequence(), stacked.size(1));
    }
  }
}
