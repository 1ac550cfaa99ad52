package org.metier.engine.kernel.reference;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.DropPolicy;
import org.metier.engine.kernel.ExpertCapacity;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.kernel.RouterScoring.Activation;
import org.metier.engine.kernel.RouterScoring.BiasOn;
import org.metier.engine.kernel.Routing;
import org.metier.engine.kernel.reference.GradientCheck.Gradient;
import org.metier.engine.tensor.Tensor;

/** Proves every backward pass of the reference; the tolerance is {@link GradientCheck}'s. */
class FiniteDifferenceTest {
  private final Kernels k = new ReferenceKernels();
  private final GradientCheck check = new GradientCheck(k, 20260101);

  @Test
  void embedding() {
    int[] tokens = {4, 0, 4, 4, 2};
    Tensor table = check.normals(6, 3);
    Tensor dOut = check.normals(5, 3);
    Tensor out = check.empty(5, 3);
    Gradient dTable = check.added(table);
    k.embeddingBackward(dTable.tensor(), dOut, tokens);
    check.assertGradient(
        "dTable",
        table,
        dTable,
        () -> {
          k.embedding(out, table, tokens);
          return check.dot(out, dOut);
        });
  }

  /** The noise is a diagonal matrix, so the op is its own gradient. */
  @Test
  void jitter() {
    Tensor x = check.normals(5, 3);
    Tensor dOut = check.normals(5, 3);
    Tensor out = check.empty(5, 3);
    Gradient dX = check.added(x);
    k.jitter(dX.tensor(), dOut, 0.3, 42, true);
    check.assertGradient(
        "dX",
        x,
        dX,
        () -> {
          k.jitter(out, x, 0.3, 42, false);
          return check.dot(out, dOut);
        });
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 7", "5, 16"})
  void rmsNorm(int tokens, int width) {
    Tensor x = check.normals(tokens, width);
    Tensor weight = check.normals(width);
    Tensor dOut = check.normals(tokens, width);
    Tensor out = check.empty(tokens, width);
    Tensor inverseRms = check.empty(tokens);
    DoubleSupplier loss =
        () -> {
          k.rmsNorm(out, inverseRms, x, weight, 0.1);
          return check.dot(out, dOut);
        };
    loss.getAsDouble();
    Gradient dX = check.added(x);
    Gradient dWeight = check.added(weight);
    k.rmsNormBackward(dX.tensor(), dWeight.tensor(), dOut, inverseRms, x, weight);
    check.assertGradient("dX", x, dX, loss);
    check.assertGradient("dWeight", weight, dWeight, loss);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void linear(boolean add) {
    Tensor x = check.normals(3, 5);
    Tensor w = check.normals(7, 5);
    Tensor dOut = check.normals(3, 7);
    Tensor start = check.normals(3, 7);
    Tensor out = check.empty(3, 7);
    DoubleSupplier loss =
        () -> {
          k.copy(out, start);
          k.linear(out, x, w, add);
          return check.dot(out, dOut);
        };
    Gradient dX = add ? check.added(x) : check.overwritten(x);
    Gradient dW = check.added(w);
    k.linearInputGradient(dX.tensor(), dOut, w, add);
    k.linearWeightGradient(dW.tensor(), dOut, x);
    check.assertGradient("dX", x, dX, loss);
    check.assertGradient("dW", w, dW, loss);
  }

  @ParameterizedTest
  @CsvSource({"2, 3, 1, 1, 2", "1, 5, 3, 3, 4", "2, 4, 4, 2, 6", "1, 3, 6, 2, 8"})
  void headNormRotary(int batch, int sequence, int heads, int kvHeads, int headDim) {
    AttentionShape shape = new AttentionShape(batch, sequence, heads, kvHeads, headDim);
    double theta = 50;
    Tensor qkv = check.normals(shape.tokens(), shape.qkvWidth());
    Tensor queryWeight = check.normals(headDim);
    Tensor keyWeight = check.normals(headDim);
    Tensor dOut = check.normals(shape.tokens(), shape.qkvWidth());
    Tensor out = check.empty(shape.tokens(), shape.qkvWidth());
    Tensor inverseRms = check.empty(shape.tokens(), heads + kvHeads);
    DoubleSupplier loss =
        () -> {
          k.headNormRotary(out, inverseRms, qkv, queryWeight, keyWeight, shape, theta, 0.1);
          return check.dot(out, dOut);
        };
    loss.getAsDouble();
    Gradient dQkv = check.overwritten(qkv);
    Gradient dQueryWeight = check.added(queryWeight);
    Gradient dKeyWeight = check.added(keyWeight);
    k.headNormRotaryBackward(
        dQkv.tensor(),
        dQueryWeight.tensor(),
        dKeyWeight.tensor(),
        dOut,
        inverseRms,
        qkv,
        queryWeight,
        keyWeight,
        shape,
        theta);
    check.assertGradient("dQkv", qkv, dQkv, loss);
    check.assertGradient("dQueryWeight", queryWeight, dQueryWeight, loss);
    check.assertGradient("dKeyWeight", keyWeight, dKeyWeight, loss);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 2, 99",
    "2, 3, 1, 1, 2, 99",
    "1, 7, 3, 3, 4, 99",
    "1, 7, 3, 3, 4, 3",
    "2, 5, 4, 2, 6, 2",
    "2, 5, 6, 2, 2, 1"
  })
  void attention(int batch, int sequence, int heads, int kvHeads, int headDim, int documentLength) {
    AttentionShape shape = new AttentionShape(batch, sequence, heads, kvHeads, headDim);
    int[] documentStart = new int[shape.tokens()];
    for (int t = 0; t < shape.tokens(); t++) {
      int position = t % sequence;
      documentStart[t] = position - position % documentLength;
    }
    Tensor qkv = check.normals(shape.tokens(), shape.qkvWidth());
    Tensor dOut = check.normals(shape.tokens(), shape.queryWidth());
    Tensor out = check.empty(shape.tokens(), shape.queryWidth());
    Tensor logSumExp = check.empty(shape.tokens(), heads);
    DoubleSupplier loss =
        () -> {
          k.attention(out, logSumExp, qkv, documentStart, shape);
          return check.dot(out, dOut);
        };
    loss.getAsDouble();
    Gradient dQkv = check.overwritten(qkv);
    k.attentionBackward(dQkv.tensor(), dOut, out, logSumExp, qkv, documentStart, shape);
    check.assertGradient("dQkv", qkv, dQkv, loss);
  }

  /** All three ways at once in which a loss reaches the logits: gates, mean probabilities, z. */
  @ParameterizedTest
  @CsvSource({
    "1, 3, 1, false, 1",
    "5, 4, 2, true, 1",
    "5, 4, 2, false, 5",
    "3, 7, 3, true, 1",
    "3, 5, 5, true, 1",
    "3, 5, 5, false, 1",
    "4, 6, 1, true, 2",
    "6, 4, 2, false, 3",
    "6, 4, 2, true, 2"
  })
  void router(int tokens, int experts, int topK, boolean normalize, int runs) {
    for (Activation activation : Activation.values()) {
      for (BiasOn biasOn : BiasOn.values()) {
        RouterScoring scoring = new RouterScoring(activation, biasOn);
        router(new Routing(tokens, experts, topK, scoring), tokens, normalize, runs);
      }
    }
  }

  /** The choice is held, and with it what a capacity drops. */
  @ParameterizedTest
  @CsvSource({
    "5, 3, 2, 2, true, 0",
    "5, 3, 2, 2, false, 0",
    "7, 2, 6, 1, true, 0",
    "6, 2, 2, 4, true, 0", // all columns
    "6, 4, 0, 2, true, 0.5",
    "6, 4, 0, 2, false, 0.5",
    "6, 3, 2, 3, true, 0.7"
  })
  void routerWithoutAllRows(
      int tokens, int experts, int nulls, int topK, boolean normalize, double factor) {
    ExpertCapacity capacity = new ExpertCapacity(factor, DropPolicy.PROBABILITY);
    Routing routing = new Routing(tokens, experts, nulls, topK, capacity);
    router(routing, tokens, normalize, 1);
    assertThat(routing.complete()).isFalse();
  }

  private void router(Routing routing, int tokens, boolean normalize, int runs) {
    int experts = routing.columns();
    int topK = routing.topK();
    Tensor logits = check.tensor(spacedLogits(tokens, experts), tokens, experts);
    double[] bias = new double[experts];
    double[] dMean = new double[runs * experts];
    for (int i = 0; i < dMean.length; i++) {
      dMean[i] = check.random().nextGaussian();
    }
    for (int e = 0; e < experts; e++) {
      bias[e] = 0.5 * (e % 3); // a multiple of the spacing, so that gaps remain
    }
    double zLossCoefficient = 0.7;
    Tensor dGates = check.normals(tokens, topK);
    Tensor probabilities = check.empty(tokens, experts);
    Tensor gates = check.empty(tokens, topK);
    k.route(probabilities, gates, routing, logits, bias, normalize);
    int[] choice = routing.expertOfSlot.clone();
    Gradient dLogits = check.overwritten(logits);
    k.routeBackward(
        dLogits.tensor(),
        dGates,
        probabilities,
        gates,
        routing,
        logits,
        normalize,
        dMean,
        zLossCoefficient);

    check.assertGradient(
        "dLogits",
        logits,
        dLogits,
        () -> {
          k.route(probabilities, gates, routing, logits, bias, normalize);
          assertThat(routing.expertOfSlot).as("the choice must not flip").isEqualTo(choice);
          double loss = check.dot(gates, dGates);
          double[] p = new double[tokens * experts];
          k.download(p, 0, probabilities);
          int run = tokens / runs;
          for (int t = 0; t < tokens; t++) {
            for (int e = 0; e < experts; e++) {
              loss += dMean[t / run * experts + e] * p[t * experts + e] / run;
            }
          }
          return loss + zLossCoefficient * routing.squaredLogSumExp / tokens;
        });
  }

  /** In each row a permutation of multiples of 0.5, each off by at most 0.1. */
  private double[] spacedLogits(int tokens, int experts) {
    double[] values = new double[tokens * experts];
    for (int t = 0; t < tokens; t++) {
      for (int e = 0; e < experts; e++) {
        int other = check.random().nextInt(e + 1);
        values[t * experts + e] = values[t * experts + other];
        values[t * experts + other] = 0.5 * (e - experts / 2);
      }
    }
    for (int i = 0; i < values.length; i++) {
      values[i] += check.random().nextDouble(-0.1, 0.1);
    }
    return values;
  }

  /** Expert 2 of 4 gets no rows. */
  @Test
  void experts() {
    experts(routing(5, 4, 2, 0, 3, 3, 0, 1, 3, 0, 1, 3, 1));
  }

  /** 4 and 5 are null experts; tokens 1 and 3 have no row. */
  @Test
  void expertsBesideNulls() {
    Routing routing = new Routing(5, 4, 2, 2, ExpertCapacity.UNLIMITED);
    fill(routing, 0, 3, 5, 4, 1, 5, 4, 5, 4, 1);
    experts(routing);
  }

  /** Room for two: the last of expert 3 and the last of expert 0 are turned away. */
  @Test
  void expertsThatDrop() {
    ExpertCapacity capacity = new ExpertCapacity(0.8, DropPolicy.POSITION);
    Routing routing = new Routing(5, 4, 0, 2, capacity);
    fill(routing, 0, 3, 3, 0, 1, 3, 0, 1, 3, 2);
    assertThat(routing.dropped).containsExactly(1, 0, 0, 2);
    experts(routing);
  }

  private void experts(Routing routing) {
    Tensor residual = check.normals(5, 3);
    Tensor x = check.normals(5, 3);
    Tensor gates = check.normals(5, 2);
    Tensor gateUpWeight = check.normals(4, 14, 3);
    Tensor downWeight = check.normals(4, 3, 7);
    Tensor dOut = check.normals(5, 3);
    Tensor out = check.empty(5, 3);
    Tensor gateUp = check.empty(routing.rows(), 14);
    Tensor work = check.empty(routing.rows(), 3);
    DoubleSupplier loss =
        () -> {
          k.experts(out, gateUp, work, residual, x, gates, gateUpWeight, downWeight, routing);
          return check.dot(out, dOut);
        };
    loss.getAsDouble();
    Gradient dX = check.overwritten(x);
    Gradient dGates = check.overwritten(gates);
    Gradient dGateUpWeight = check.added(gateUpWeight);
    Gradient dDownWeight = check.added(downWeight);
    k.expertsBackward(
        dX.tensor(),
        dGates.tensor(),
        dGateUpWeight.tensor(),
        dDownWeight.tensor(),
        work,
        dOut,
        gateUp,
        x,
        gates,
        gateUpWeight,
        downWeight,
        routing);
    check.assertGradient("dX", x, dX, loss);
    check.assertGradient("dGates", gates, dGates, loss);
    check.assertGradient("dGateUpWeight", gateUpWeight, dGateUpWeight, loss);
    check.assertGradient("dDownWeight", downWeight, dDownWeight, loss);
    check.assertGradient("dResidual is dOut", residual, new Gradient(dOut, new double[15]), loss);
  }

  // ---- the steps that the reference's experts are made of, each by itself ----

  @Test
  void dispatch() {
    Routing routing = routing(5, 4, 2, 0, 3, 3, 0, 1, 3, 0, 1, 3, 1);
    Tensor x = check.normals(5, 3);
    Tensor dOut = check.normals(10, 3);
    Tensor out = check.empty(10, 3);
    Gradient dX = check.overwritten(x);
    Dispatch.backward(View.of(dX.tensor()), View.of(dOut), routing);
    check.assertGradient(
        "dX",
        x,
        dX,
        () -> {
          Dispatch.forward(View.of(out), View.of(x), routing);
          return check.dot(out, dOut);
        });
  }

  @Test
  void combine() {
    Routing routing = routing(5, 4, 2, 0, 3, 3, 0, 1, 3, 0, 1, 3, 1);
    Tensor residual = check.normals(5, 3);
    Tensor y = check.normals(10, 3);
    Tensor gates = check.normals(5, 2);
    Tensor dOut = check.normals(5, 3);
    Tensor out = check.empty(5, 3);
    DoubleSupplier loss =
        () -> {
          Combine.forward(View.of(out), View.of(residual), View.of(y), View.of(gates), routing);
          return check.dot(out, dOut);
        };
    Gradient dY = check.overwritten(y);
    Gradient dGates = check.overwritten(gates);
    Combine.backward(
        View.of(dY.tensor()),
        View.of(dGates.tensor()),
        View.of(dOut),
        View.of(y),
        View.of(gates),
        routing);
    check.assertGradient("dY", y, dY, loss);
    check.assertGradient("dGates", gates, dGates, loss);
  }

  /** Expert 2 of 4 gets no rows. */
  @Test
  void groupedLinear() {
    Routing routing = routing(5, 4, 2, 0, 3, 3, 0, 1, 3, 0, 1, 3, 1);
    Tensor x = check.normals(10, 3);
    Tensor w = check.normals(4, 5, 3);
    Tensor dOut = check.normals(10, 5);
    Tensor out = check.empty(10, 5);
    DoubleSupplier loss =
        () -> {
          GroupedLinear.forward(View.of(out), View.of(x), View.of(w), routing);
          return check.dot(out, dOut);
        };
    Gradient dX = check.overwritten(x);
    Gradient dW = check.added(w);
    GroupedLinear.inputGradient(View.of(dX.tensor()), View.of(dOut), View.of(w), routing);
    GroupedLinear.weightGradient(View.of(dW.tensor()), View.of(dOut), View.of(x), routing);
    check.assertGradient("dX", x, dX, loss);
    check.assertGradient("dW", w, dW, loss);
  }

  private static Routing routing(int tokens, int experts, int topK, int... expertOfSlot) {
    Routing routing = new Routing(tokens, experts, topK);
    fill(routing, expertOfSlot);
    return routing;
  }

  private static void fill(Routing routing, int... expertOfSlot) {
    System.arraycopy(expertOfSlot, 0, routing.expertOfSlot, 0, expertOfSlot.length);
    routing.sortByExpert(expertOfSlot.length / routing.topK());
  }

  @Test
  void swiGlu() {
    Tensor gateUp = check.normals(3, 14);
    Tensor dOut = check.normals(3, 7);
    Tensor out = check.empty(3, 7);
    Gradient dGateUp = check.overwritten(gateUp);
    SwiGlu.backward(View.of(dGateUp.tensor()), View.of(dOut), View.of(gateUp));
    check.assertGradient(
        "dGateUp",
        gateUp,
        dGateUp,
        () -> {
          SwiGlu.forward(View.of(out), View.of(gateUp));
          return check.dot(out, dOut);
        });
  }

  @Test
  void crossEntropy() {
    int[] targets = {3, -1, 0, 10, 3, -100, 5};
    double scale = 0.3;
    Tensor x = check.normals(7, 4);
    Tensor head = check.normals(11, 4);
    double[] losses = new double[7];
    DoubleSupplier loss =
        () -> {
          k.crossEntropy(losses, x, head, targets);
          double sum = 0;
          for (double value : losses) {
            sum += value;
          }
          return scale * sum;
        };
    Gradient dX = check.overwritten(x);
    Gradient dHead = check.added(head);
    double[] lossesWithGradient = new double[7];
    k.crossEntropyWithGradient(
        lossesWithGradient, dX.tensor(), dHead.tensor(), x, head, targets, scale);
    check.assertGradient("dX", x, dX, loss);
    check.assertGradient("dHead", head, dHead, loss);
    loss.getAsDouble();
    assertThat(lossesWithGradient).isEqualTo(losses);
    assertThat(losses[1]).isZero();
    assertThat(losses[5]).isZero();
  }
}
