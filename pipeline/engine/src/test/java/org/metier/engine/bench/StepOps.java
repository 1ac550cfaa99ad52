package org.metier.engine.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.ExpertCapacity;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/**
 * Every op of a training step at the sizes of a model, in the order of a step: forward, then
 * backward. A product has one entry for each place where the model uses it. Tensors are made when
 * an op is asked for, so that one op needs only its own.
 *
 * <p>Those called {@code .nulls} are their namesakes with as many null experts as experts and twice
 * the choices: the same load, so what they take longer is the price of null experts.
 */
final class StepOps {
  /**
   * Parameters that the optimiser's ops run over, at most: beyond any cache, and all the same to
   * them.
   */
  private static final int MOST_PARAMETERS = 1 << 24;

  private static final double THETA = 10_000;
  private static final double EPSILON = 1e-6;

  private final Kernels k;
  private final ModelSize size;
  private final SplittableRandom random = new SplittableRandom(1);
  private final Map<String, Supplier<Runnable>> ops = new LinkedHashMap<>();

  private StepOps(Kernels kernels, ModelSize size) {
    this.k = kernels;
    this.size = size;
    int d = size.width();
    int qkv = size.attention().qkvWidth();
    int attended = size.attention().queryWidth();
    int f = size.ffn();
    ops.put("embedding", this::embedding);
    ops.put("rmsNorm", this::rmsNorm);
    ops.put("linear.qkv", () -> linear(qkv, d));
    ops.put("headNormRotary", this::headNormRotary);
    ops.put("attention", this::attention);
    ops.put("copy", this::copy);
    ops.put("linear.out", () -> linear(d, attended));
    ops.put("linear.router", () -> linear(size.experts(), d));
    ops.put("route", () -> route(new Router(false)));
    ops.put("route.nulls", () -> route(new Router(true)));
    ops.put("experts", () -> experts(new Router(false), false));
    ops.put("experts.nulls", () -> experts(new Router(true), false));
    ops.put("crossEntropy", this::crossEntropy);
    ops.put("crossEntropyWithGradient", this::crossEntropyWithGradient);
    ops.put("rmsNormBackward", this::rmsNormBackward);
    ops.put("expertsBackward", () -> experts(new Router(false), true));
    ops.put("expertsBackward.nulls", () -> experts(new Router(true), true));
    ops.put("routeBackward", () -> routeBackward(new Router(false)));
    ops.put("routeBackward.nulls", () -> routeBackward(new Router(true)));
    ops.put("linearWeightGradient.router", () -> weightGradient(size.experts(), d));
    ops.put("linearInputGradient.router", () -> inputGradient(size.experts(), d));
    ops.put("linearWeightGradient.out", () -> weightGradient(d, attended));
    ops.put("linearInputGradient.out", () -> inputGradient(d, attended));
    ops.put("attentionBackward", this::attentionBackward);
    ops.put("headNormRotaryBackward", this::headNormRotaryBackward);
    ops.put("linearWeightGradient.qkv", () -> weightGradient(qkv, d));
    ops.put("linearInputGradient.qkv", () -> inputGradient(qkv, d));
    ops.put("embeddingBackward", this::embeddingBackward);
    ops.put("squaredNorm", this::squaredNorm);
    ops.put("adamW", this::adamW);
    ops.put("fill", this::fill);
    ops.put("addScaled", this::addScaled);
  }

  /** Names of all ops, in the order of a step; those that no step uses come last. */
  static List<String> names() {
    // names depend neither on kernels nor on sizes, and nothing is made before an op is asked for
    return List.copyOf(new StepOps(null, ModelSize.named("tiny")).ops.keySet());
  }

  /**
   * One op with its tensors, ready to be run again and again.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  static Runnable op(String name, Kernels kernels, ModelSize size) {
    Supplier<Runnable> op = new StepOps(kernels, size).ops.get(name);
    if (op == null) {
      throw new IllegalArgumentException("no op is called " + name);
    }
    return op.get();
  }

  private Runnable embedding() {
    Tensor out = tokens(size.width());
    Tensor table = tensor(size.vocabulary(), size.width());
    int[] ids = ids();
    return () -> k.embedding(out, table, ids);
  }

  private Runnable embeddingBackward() {
    Tensor dTable = tensor(size.vocabulary(), size.width());
    Tensor dOut = tokens(size.width());
    int[] ids = ids();
    return () -> k.embeddingBackward(dTable, dOut, ids);
  }

  private Runnable rmsNorm() {
    Tensor out = tokens(size.width());
    Tensor inverse = tensor(size.tokens());
    Tensor x = tokens(size.width());
    Tensor weight = tensor(size.width());
    return () -> k.rmsNorm(out, inverse, x, weight, EPSILON);
  }

  private Runnable rmsNormBackward() {
    Tensor dX = tokens(size.width());
    Tensor dWeight = tensor(size.width());
    Tensor dOut = tokens(size.width());
    Tensor inverse = tensor(size.tokens());
    Tensor x = tokens(size.width());
    Tensor weight = tensor(size.width());
    return () -> k.rmsNormBackward(dX, dWeight, dOut, inverse, x, weight);
  }

  private Runnable linear(int n, int m) {
    Tensor out = tokens(n);
    Tensor x = tokens(m);
    Tensor w = tensor(n, m);
    return () -> k.linear(out, x, w, false);
  }

  private Runnable inputGradient(int n, int m) {
    Tensor dX = tokens(m);
    Tensor dOut = tokens(n);
    Tensor w = tensor(n, m);
    return () -> k.linearInputGradient(dX, dOut, w, false);
  }

  private Runnable weightGradient(int n, int m) {
    Tensor dW = tensor(n, m);
    Tensor dOut = tokens(n);
    Tensor x = tokens(m);
    return () -> k.linearWeightGradient(dW, dOut, x);
  }

  private Runnable headNormRotary() {
    AttentionShape shape = size.attention();
    Tensor out = tokens(shape.qkvWidth());
    Tensor inverse = tokens(shape.heads() + shape.kvHeads());
    Tensor qkv = tokens(shape.qkvWidth());
    Tensor weight = tensor(shape.headDim());
    return () -> k.headNormRotary(out, inverse, qkv, weight, weight, shape, THETA, EPSILON);
  }

  private Runnable headNormRotaryBackward() {
    AttentionShape shape = size.attention();
    Tensor dQkv = tokens(shape.qkvWidth());
    Tensor dOut = tokens(shape.qkvWidth());
    Tensor inverse = tokens(shape.heads() + shape.kvHeads());
    Tensor qkv = tokens(shape.qkvWidth());
    Tensor weight = tensor(shape.headDim());
    Tensor dQuery = tensor(shape.headDim());
    Tensor dKey = tensor(shape.headDim());
    return () ->
        k.headNormRotaryBackward(
            dQkv, dQuery, dKey, dOut, inverse, qkv, weight, weight, shape, THETA);
  }

  private Runnable attention() {
    AttentionShape shape = size.attention();
    Tensor out = tokens(shape.queryWidth());
    Tensor logSumExp = tokens(shape.heads());
    Tensor qkv = tokens(shape.qkvWidth());
    int[] documentStart = new int[size.tokens()];
    return () -> k.attention(out, logSumExp, qkv, documentStart, shape);
  }

  private Runnable attentionBackward() {
    AttentionShape shape = size.attention();
    Tensor dQkv = tokens(shape.qkvWidth());
    Tensor dOut = tokens(shape.queryWidth());
    Tensor out = tokens(shape.queryWidth());
    Tensor logSumExp = tokens(shape.heads());
    Tensor qkv = tokens(shape.qkvWidth());
    int[] documentStart = new int[size.tokens()];
    k.attention(out, logSumExp, qkv, documentStart, shape);
    return () -> k.attentionBackward(dQkv, dOut, out, logSumExp, qkv, documentStart, shape);
  }

  private Runnable route(Router r) {
    return () -> k.route(r.probabilities, r.gates, r.routing, r.logits, r.bias, true);
  }

  private Runnable routeBackward(Router r) {
    Tensor dLogits = tokens(r.routing.columns());
    Tensor dGates = tokens(r.routing.topK());
    return () ->
        k.routeBackward(
            dLogits, dGates, r.probabilities, r.gates, r.routing, r.logits, true, r.bias, 1e-3);
  }

  private Runnable experts(Router r, boolean backward) {
    int d = size.width();
    int f = size.ffn();
    Tensor gateUp = tensor(r.routing.rows(), 2 * f);
    Tensor work = tensor(r.routing.rows(), d);
    Tensor x = tokens(d);
    Tensor gateUpWeight = tensor(size.experts(), 2 * f, d);
    Tensor downWeight = tensor(size.experts(), d, f);
    Tensor out = tokens(d);
    if (!backward) {
      Tensor residual = tokens(d);
      return () ->
          k.experts(out, gateUp, work, residual, x, r.gates, gateUpWeight, downWeight, r.routing);
    }
    Tensor dX = tokens(d);
    Tensor dGates = tokens(r.routing.topK());
    Tensor dGateUpWeight = tensor(size.experts(), 2 * f, d);
    Tensor dDownWeight = tensor(size.experts(), d, f);
    return () ->
        k.expertsBackward(
            dX,
            dGates,
            dGateUpWeight,
            dDownWeight,
            work,
            out,
            gateUp,
            x,
            r.gates,
            gateUpWeight,
            downWeight,
            r.routing);
  }

  private Runnable crossEntropy() {
    double[] losses = new double[size.tokens()];
    Tensor x = tokens(size.width());
    Tensor head = tensor(size.vocabulary(), size.width());
    int[] targets = ids();
    return () -> k.crossEntropy(losses, x, head, targets);
  }

  private Runnable crossEntropyWithGradient() {
    double[] losses = new double[size.tokens()];
    Tensor dX = tokens(size.width());
    Tensor dHead = tensor(size.vocabulary(), size.width());
    Tensor x = tokens(size.width());
    Tensor head = tensor(size.vocabulary(), size.width());
    int[] targets = ids();
    double scale = 1.0 / size.tokens();
    return () -> k.crossEntropyWithGradient(losses, dX, dHead, x, head, targets, scale);
  }

  private Runnable squaredNorm() {
    Tensor gradient = tensor(parameters());
    return () -> k.squaredNorm(gradient);
  }

  private Runnable adamW() {
    Tensor value = tensor(parameters());
    Tensor gradient = tensor(parameters());
    Tensor first = tensor(parameters());
    Tensor second = empty(parameters());
    AdamWStep step = new AdamWStep(1e-4, 0.9, 0.95, 1e-8, 0.1, 0.1, 0.05, 1);
    return () -> k.adamW(value, gradient, first, second, step);
  }

  private Runnable fill() {
    Tensor gradient = tensor(parameters());
    return () -> k.fill(gradient, 0);
  }

  private Runnable copy() {
    Tensor target = tokens(size.width());
    Tensor source = tokens(size.width());
    return () -> k.copy(target, source);
  }

  private Runnable addScaled() {
    Tensor target = tensor(parameters());
    Tensor source = tensor(parameters());
    return () -> k.addScaled(target, 1e-6, source);
  }

  /** A routing of random tokens, with what belongs to it. */
  private final class Router {
    final Routing routing;
    final Tensor logits;
    final Tensor probabilities;
    final Tensor gates;
    final double[] bias;

    Router(boolean nulls) {
      int topK = nulls ? 2 * size.topK() : size.topK();
      int nullExperts = nulls ? size.experts() : 0;
      routing =
          new Routing(size.tokens(), size.experts(), nullExperts, topK, ExpertCapacity.UNLIMITED);
      logits = tokens(routing.columns());
      probabilities = tokens(routing.columns());
      gates = tokens(topK);
      bias = new double[routing.columns()];
      k.route(probabilities, gates, routing, logits, bias, true);
    }
  }

  private int parameters() {
    int experts = 3 * size.experts() * size.ffn() * size.width();
    return Math.min(MOST_PARAMETERS, 2 * size.vocabulary() * size.width() + experts);
  }

  private Tensor tokens(int width) {
    return tensor(size.tokens(), width);
  }

  private int[] ids() {
    return random.ints(size.tokens(), 0, size.vocabulary()).toArray();
  }

  private Tensor empty(int... shape) {
    return new Tensor(k.allocate(Tensor.sizeOf(shape)), 0, shape);
  }

  /** Numbers between -0.1 and 0.1. */
  private Tensor tensor(int... shape) {
    Tensor tensor = empty(shape);
    float[] values = new float[tensor.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextDouble() * 0.2 - 0.1);
    }
    k.upload(tensor, values, 0);
    return tensor;
  }
}
