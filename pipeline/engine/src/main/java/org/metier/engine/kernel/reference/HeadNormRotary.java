package org.metier.engine.kernel.reference;

import org.metier.engine.kernel.AttentionShape;

/**
 * RMS norm of each query and key head (Henry et al., arXiv 2010.04245, with RMS norm as in Qwen3)
 * and rotary embedding (Su et al., arXiv 2104.09864) with half-split pairs: (x[i], x[i + D/2])
 * turns by φ = position · θ^(-2i/D). A rotation's gradient is the rotation by -φ.
 *
 * <p>Key heads follow the query heads in a row, so head h of all H + G normed heads starts at
 * column h·D.
 */
final class HeadNormRotary {
  private HeadNormRotary() {}

  static void forward(
      View out,
      View inverseRms,
      View qkv,
      View queryWeight,
      View keyWeight,
      AttentionShape shape,
      double ropeTheta,
      double epsilon) {
    check("headNormRotary", out, inverseRms, qkv, queryWeight, keyWeight, shape);
    out.requireDisjoint("headNormRotary out", inverseRms, qkv, queryWeight, keyWeight);
    inverseRms.requireDisjoint("headNormRotary inverseRms", qkv, queryWeight, keyWeight);
    int width = shape.headDim();
    int half = width / 2;
    for (int t = 0; t < shape.tokens(); t++) {
      for (int h = 0; h < shape.heads() + shape.kvHeads(); h++) {
        View weight = h < shape.heads() ? queryWeight : keyWeight;
        int start = h * width;
        double squares = 0;
        for (int i = 0; i < width; i++) {
          squares += qkv.get(t, start + i) * qkv.get(t, start + i);
        }
        double r = 1 / Math.sqrt(squares / width + epsilon);
        inverseRms.set(t, h, r);
        for (int i = 0; i < half; i++) {
          double a = weight.get(i) * qkv.get(t, start + i) * r;
          double b = weight.get(i + half) * qkv.get(t, start + i + half) * r;
          double phi = angle(t % shape.sequence(), i, width, ropeTheta);
          out.set(t, start + i, a * Math.cos(phi) - b * Math.sin(phi));
          out.set(t, start + i + half, b * Math.cos(phi) + a * Math.sin(phi));
        }
      }
      copyValues(out, qkv, t, shape);
    }
  }

  static void backward(
      View dQkv,
      View dQueryWeight,
      View dKeyWeight,
      View dOut,
      View inverseRms,
      View qkv,
      View queryWeight,
      View keyWeight,
      AttentionShape shape,
      double ropeTheta) {
    String op = "headNormRotaryBackward";
    check(op, dOut, inverseRms, qkv, queryWeight, keyWeight, shape);
    dQkv.requireShape(op + " dQkv", shape.tokens(), shape.qkvWidth());
    dQueryWeight.requireShape(op + " dQueryWeight", shape.headDim());
    dKeyWeight.requireShape(op + " dKeyWeight", shape.headDim());
    View[] sources = {dOut, inverseRms, qkv, queryWeight, keyWeight};
    dQkv.requireDisjoint(op + " dQkv", sources);
    dQueryWeight.requireDisjoint(op + " dQueryWeight", sources);
    dKeyWeight.requireDisjoint(op + " dKeyWeight", sources);
    dQkv.requireDisjoint(op + " dQkv", dQueryWeight, dKeyWeight);
    dQueryWeight.requireDisjoint(op + " dQueryWeight", dKeyWeight);

    int width = shape.headDim();
    int half = width / 2;
    double[] dScaled = new double[width]; // gradient of weight ⊙ x r, before the rotation
    for (int t = 0; t < shape.tokens(); t++) {
      for (int h = 0; h < shape.heads() + shape.kvHeads(); h++) {
        View weight = h < shape.heads() ? queryWeight : keyWeight;
        View dWeight = h < shape.heads() ? dQueryWeight : dKeyWeight;
        int start = h * width;
        for (int i = 0; i < half; i++) {
          double da = dOut.get(t, start + i);
          double db = dOut.get(t, start + i + half);
          double phi = angle(t % shape.sequence(), i, width, ropeTheta);
          dScaled[i] = da * Math.cos(phi) + db * Math.sin(phi);
          dScaled[i + half] = db * Math.cos(phi) - da * Math.sin(phi);
        }
        double r = inverseRms.get(t, h);
        double dot = 0;
        for (int i = 0; i < width; i++) {
          double x = qkv.get(t, start + i);
          dot += weight.get(i) * dScaled[i] * x;
          dWeight.add(i, dScaled[i] * x * r);
        }
        for (int i = 0; i < width; i++) {
          double x = qkv.get(t, start + i);
          dQkv.set(t, start + i, r * weight.get(i) * dScaled[i] - x * r * r * r / width * dot);
        }
      }
      copyValues(dQkv, dOut, t, shape);
    }
  }

  private static double angle(int position, int pair, int headDim, double theta) {
    return position * Math.pow(theta, -2.0 * pair / headDim);
  }

  private static void copyValues(View target, View source, int t, AttentionShape shape) {
    for (int i = shape.queryWidth() + shape.keyWidth(); i < shape.qkvWidth(); i++) {
      target.set(t, i, source.get(t, i));
    }
  }

  private static void check(
      String op,
      View rotated,
      View inverseRms,
      View qkv,
      View queryWeight,
      View keyWeight,
      AttentionShape shape) {
    rotated.requireShape(op + " rotated qkv", shape.tokens(), shape.qkvWidth());
    inverseRms.requireShape(op + " inverseRms", shape.tokens(), shape.heads() + shape.kvHeads());
    qkv.requireShape(op + " qkv", shape.tokens(), shape.qkvWidth());
    queryWeight.requireShape(op + " queryWeight", shape.headDim());
    keyWeight.requireShape(op + " keyWeight", shape.headDim());
  }
}
