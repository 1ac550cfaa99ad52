package org.metier.engine.kernel.reference;

import org.metier.engine.kernel.AttentionShape;

/**
 * Grouped-query attention (Ainslie et al., arXiv 2305.13245). For query t and head h, over the
 * visible positions s: {@code z_s = ⟨q_t, k_s⟩ / √D}, {@code p = softmax(z)}, {@code o_t = Σ p_s
 * v_s}. Backward: {@code dv_s += p_s do_t}, {@code dz_s = p_s (⟨do_t, v_s⟩ - ⟨do_t, o_t⟩)}, {@code
 * dq_t = Σ dz_s k_s / √D}, {@code dk_s += dz_s q_t / √D}, with {@code p_s = exp(z_s - logSumExp_t)}
 * recomputed.
 */
final class CausalAttention {
  private CausalAttention() {}

  static void forward(
      View out, View logSumExp, View qkv, int[] documentStart, AttentionShape shape) {
    check("attention", out, logSumExp, qkv, documentStart, shape);
    out.requireDisjoint("attention out", logSumExp, qkv);
    logSumExp.requireDisjoint("attention logSumExp", qkv);
    int width = shape.headDim();
    double[] z = new double[shape.sequence()];
    for (int t = 0; t < shape.tokens(); t++) {
      int position = t % shape.sequence();
      int sequenceStart = t - position;
      for (int h = 0; h < shape.heads(); h++) {
        double max = Double.NEGATIVE_INFINITY;
        for (int s = documentStart[t]; s <= position; s++) {
          z[s] = score(qkv, t, sequenceStart + s, h, shape);
          max = Math.max(max, z[s]);
        }
        double denominator = 0;
        for (int s = documentStart[t]; s <= position; s++) {
          denominator += Math.exp(z[s] - max);
        }
        double lse = max + Math.log(denominator);
        logSumExp.set(t, h, lse);
        for (int i = 0; i < width; i++) {
          double sum = 0;
          for (int s = documentStart[t]; s <= position; s++) {
            sum += Math.exp(z[s] - lse) * qkv.get(sequenceStart + s, valueColumn(h, shape) + i);
          }
          out.set(t, h * width + i, sum);
        }
      }
    }
  }

  static void backward(
      View dQkv,
      View dOut,
      View out,
      View logSumExp,
      View qkv,
      int[] documentStart,
      AttentionShape shape) {
    String op = "attentionBackward";
    check(op, out, logSumExp, qkv, documentStart, shape);
    dQkv.requireShape(op + " dQkv", shape.tokens(), shape.qkvWidth());
    dOut.requireShape(op + " dOut", shape.tokens(), shape.queryWidth());
    dQkv.requireDisjoint(op + " dQkv", dOut, out, logSumExp, qkv);
    int width = shape.headDim();
    double scale = 1 / Math.sqrt(width);
    dQkv.fill(0);
    for (int t = 0; t < shape.tokens(); t++) {
      int position = t % shape.sequence();
      for (int h = 0; h < shape.heads(); h++) {
        int query = h * width;
        int key = keyColumn(h, shape);
        int value = valueColumn(h, shape);
        double outDot = 0;
        for (int i = 0; i < width; i++) {
          outDot += dOut.get(t, query + i) * out.get(t, query + i);
        }
        for (int s = t - position + documentStart[t]; s <= t; s++) {
          double p = Math.exp(score(qkv, t, s, h, shape) - logSumExp.get(t, h));
          double valueDot = 0;
          for (int i = 0; i < width; i++) {
            valueDot += dOut.get(t, query + i) * qkv.get(s, value + i);
          }
          double dZ = p * (valueDot - outDot);
          for (int i = 0; i < width; i++) {
            dQkv.add(t, query + i, dZ * qkv.get(s, key + i) * scale);
            dQkv.add(s, key + i, dZ * qkv.get(t, query + i) * scale);
            dQkv.add(s, value + i, p * dOut.get(t, query + i));
          }
        }
      }
    }
  }

  /** ⟨query of row t, key of row s⟩ / √D for query head h. */
  private static double score(View qkv, int t, int s, int h, AttentionShape shape) {
    int width = shape.headDim();
    double dot = 0;
    for (int i = 0; i < width; i++) {
      dot += qkv.get(t, h * width + i) * qkv.get(s, keyColumn(h, shape) + i);
    }
    return dot / Math.sqrt(width);
  }

  /** First column of the key that query head h reads. */
  private static int keyColumn(int h, AttentionShape shape) {
    int kvHead = h / (shape.heads() / shape.kvHeads());
    return shape.queryWidth() + kvHead * shape.headDim();
  }

  /** First column of the value that query head h reads. */
  private static int valueColumn(int h, AttentionShape shape) {
    return keyColumn(h, shape) + shape.keyWidth();
  }

  private static void check(
      String op, View out, View logSumExp, View qkv, int[] documentStart, AttentionShape shape) {
    qkv.requireShape(op + " qkv", shape.tokens(), shape.qkvWidth());
    out.requireShape(op + " out", shape.tokens(), shape.queryWidth());
    logSumExp.requireShape(op + " logSumExp", shape.tokens(), shape.heads());
    HostArrays.requireLength(op + " documentStart", documentStart.length, shape.tokens());
    for (int t = 0; t < shape.tokens(); t++) {
      int position = t % shape.sequence();
      int least = position == 0 ? 0 : documentStart[t - 1];
      if (documentStart[t] < least || documentStart[t] > position) {
        throw new IllegalArgumentException(
            "%s: documentStart[%d] is %d, must lie in [%d, %d]"
                .formatted(op, t, documentStart[t], least, position));
      }
    }
  }
}
