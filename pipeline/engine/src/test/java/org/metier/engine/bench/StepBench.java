package org.metier.engine.bench;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.LongSupplier;
import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.tensor.Storage;
import org.metier.engine.tensor.Tensor;

/**
 * Every op of a training step at the sizes of a model, in the order of a step, so that caches are
 * as warm or cold as in training. Prints for each op its time per step, its share, and what it
 * reaches of the machine: of a large product's GFLOP/s, or of a large copy's GB/s, both measured in
 * the same run.
 *
 * <p>Usage: {@code StepBench tiny|small|medium [threads] [steps]}
 */
public final class StepBench {

  private record Model(
      int vocabulary,
      int width,
      int layers,
      int heads,
      int kvHeads,
      int headDim,
      int experts,
      int topK,
      int ffn,
      int sequence,
      int batch) {

    static Model named(String name) {
      return switch (name) {
        case "tiny" -> new Model(4096, 128, 4, 4, 2, 32, 16, 2, 128, 256, 8);
        case "small" -> new Model(8192, 256, 6, 8, 4, 32, 32, 4, 256, 512, 8);
        case "medium" -> new Model(16384, 512, 8, 8, 4, 64, 32, 4, 512, 512, 8);
        default -> throw new IllegalArgumentException("no model named " + name);
      };
    }
  }

  /** One op: how often a step runs it, and what it costs at least. */
  private static final class Op {
    final String name;
    final int perStep;
    final double flops;
    final double bytes;
    final Runnable body;
    long nanos;

    Op(String name, int perStep, double flops, double bytes, Runnable body) {
      this.name = name;
      this.perStep = perStep;
      this.flops = flops;
      this.bytes = bytes;
      this.body = body;
    }
  }

  private static final int ARENA = 1 << 25;

  private final Kernels kernels;
  private final Model model;
  private final LongSupplier clock;
  private final SplittableRandom random = new SplittableRandom(1);
  private final List<Op> layer = new ArrayList<>();
  private final List<Op> once = new ArrayList<>();
  private Storage arena;
  private int used;

  private StepBench(Kernels kernels, Model model, LongSupplier clock) {
    this.kernels = kernels;
    this.model = model;
    this.clock = clock;
  }

  public static void main(String[] args) {
    String name = args.length > 0 ? args[0] : "tiny";
    int threads = args.length > 1 ? Integer.parseInt(args[1]) : 2;
    int steps = args.length > 2 ? Integer.parseInt(args[2]) : 20;
    ThreadMXBean jvm = ManagementFactory.getThreadMXBean();
    LongSupplier clock = threads == 1 ? jvm::getCurrentThreadCpuTime : System::nanoTime;
    try (Kernels kernels = new CpuKernels(threads)) {
      StepBench bench = new StepBench(kernels, Model.named(name), clock);
      bench.layOut();
      bench.report(name, threads, steps);
    }
  }

  /** Tensors share storages as they do in an arena; each alone would start on a page of its own. */
  private Tensor tensor(double scale, int... shape) {
    int size = (Tensor.sizeOf(shape) + 15) & ~15;
    if (arena == null || used + size > arena.length()) {
      arena = kernels.allocate(Math.max(size, ARENA));
      used = 0;
    }
    Tensor tensor = new Tensor(arena, used, shape);
    used += size;
    float[] values = new float[tensor.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (scale * (random.nextDouble() * 2 - 1));
    }
    kernels.upload(tensor, values, 0);
    return tensor;
  }

  private void layer(String name, double flops, double floats, Runnable body) {
    layer.add(new Op(name, model.layers, flops, 4 * floats, body));
  }

  private void once(String name, double flops, double floats, Runnable body) {
    once.add(new Op(name, 1, flops, 4 * floats, body));
  }

  /** A product's forward pass and both gradients. */
  private void linear(String name, Tensor out, Tensor x, Tensor w, Tensor dW) {
    double flops = 2.0 * x.rows() * w.size();
    layer(name, flops, 0, () -> kernels.linear(out, x, w, false));
    layer(name + " dX", flops, 0, () -> kernels.linearInputGradient(x, out, w, false));
    layer(name + " dW", flops, 0, () -> kernels.linearWeightGradient(dW, out, x));
  }

  private void layOut() {
    int tokens = model.batch * model.sequence;
    int d = model.width;
    AttentionShape shape =
        new AttentionShape(model.batch, model.sequence, model.heads, model.kvHeads, model.headDim);
    int[] ids = random.ints(tokens, 0, model.vocabulary).toArray();
    Tensor x = tensor(1, tokens, d);
    Tensor y = tensor(1, tokens, d);
    Tensor dX = tensor(1, tokens, d);
    Tensor table = tensor(0.02, model.vocabulary, d);
    Tensor dTable = tensor(0.02, model.vocabulary, d);
    once("embedding", 0, 2.0 * x.size(), () -> kernels.embedding(x, table, ids));
    norm(x, y, dX, d);
    attention(shape, y, d);
    Routing routing = new Routing(tokens, model.experts, model.topK);
    experts(routing, x, y, dX);
    double[] losses = new double[tokens];
    once(
        "cross-entropy",
        6.0 * tokens * table.size(),
        0,
        () -> kernels.crossEntropyWithGradient(losses, dX, dTable, y, table, ids, 1.0 / tokens));
    once("embedding'", 0, 3.0 * x.size(), () -> kernels.embeddingBackward(dTable, x, ids));
    optimiser();
  }

  private void norm(Tensor x, Tensor y, Tensor dX, int d) {
    Tensor weight = tensor(1, d);
    Tensor dWeight = tensor(1, d);
    Tensor inverse = tensor(1, x.rows());
    for (String name : List.of("norm 1", "norm 2")) {
      layer(name, 0, 2.0 * x.size(), () -> kernels.rmsNorm(y, inverse, x, weight, 1e-6));
      layer(
          name + "'",
          0,
          4.0 * x.size(),
          () -> kernels.rmsNormBackward(dX, dWeight, y, inverse, x, weight));
    }
  }

  private void attention(AttentionShape shape, Tensor y, int d) {
    int tokens = shape.tokens();
    Tensor qkv = tensor(1, tokens, shape.qkvWidth());
    Tensor rotated = tensor(1, tokens, shape.qkvWidth());
    Tensor dRotated = tensor(1, tokens, shape.qkvWidth());
    Tensor out = tensor(1, tokens, shape.queryWidth());
    Tensor dOut = tensor(1, tokens, shape.queryWidth());
    Tensor logSumExp = tensor(1, tokens, shape.heads());
    Tensor inverse = tensor(1, tokens, shape.heads() + shape.kvHeads());
    Tensor weight = tensor(1, shape.headDim());
    Tensor dWeight = tensor(1, shape.headDim());
    int[] starts = new int[tokens];
    linear("qkv", qkv, y, tensor(0.02, shape.qkvWidth(), d), tensor(0.02, shape.qkvWidth(), d));
    layer(
        "rotary",
        0,
        2.0 * qkv.size(),
        () -> kernels.headNormRotary(rotated, inverse, qkv, weight, weight, shape, 1e4, 1e-6));
    double flops = 2.0 * tokens * model.sequence * shape.queryWidth(); // causal: half of the square
    layer("attention", flops, 0, () -> kernels.attention(out, logSumExp, rotated, starts, shape));
    layer(
        "attention'",
        2.5 * flops,
        0,
        () -> kernels.attentionBackward(dRotated, dOut, out, logSumExp, rotated, starts, shape));
    layer(
        "rotary'",
        0,
        3.0 * qkv.size(),
        () ->
            kernels.headNormRotaryBackward(
                rotated, dWeight, dWeight, dRotated, inverse, qkv, weight, weight, shape, 1e4));
    linear(
        "attention out",
        tensor(1, tokens, d),
        out,
        tensor(0.02, d, shape.queryWidth()),
        tensor(0.02, d, shape.queryWidth()));
  }

  private void experts(Routing routing, Tensor x, Tensor y, Tensor dX) {
    int tokens = x.rows();
    int d = model.width;
    int rows = tokens * model.topK;
    Tensor logits = tensor(1, tokens, model.experts);
    Tensor probabilities = tensor(1, tokens, model.experts);
    Tensor dLogits = tensor(1, tokens, model.experts);
    Tensor gates = tensor(1, tokens, model.topK);
    Tensor dGates = tensor(1, tokens, model.topK);
    double[] perExpert = new double[model.experts];
    linear("router", dLogits, y, tensor(0.02, model.experts, d), tensor(0.02, model.experts, d));
    layer(
        "route",
        0,
        2.0 * logits.size(),
        () -> kernels.route(probabilities, gates, routing, logits, perExpert, true));
    layer(
        "route'",
        0,
        3.0 * logits.size(),
        () ->
            kernels.routeBackward(
                dLogits, dGates, probabilities, gates, routing, logits, true, perExpert, 1e-3));
    Tensor work = tensor(1, rows, d);
    Tensor gateUp = tensor(1, rows, 2 * model.ffn);
    Tensor gateUpWeight = tensor(0.02, model.experts, 2 * model.ffn, d);
    Tensor dGateUpWeight = tensor(0.02, model.experts, 2 * model.ffn, d);
    Tensor downWeight = tensor(0.02, model.experts, d, model.ffn);
    Tensor dDownWeight = tensor(0.02, model.experts, d, model.ffn);
    double flops = 6.0 * rows * model.ffn * d;
    layer(
        "experts",
        flops,
        0,
        () -> kernels.experts(dX, gateUp, work, x, y, gates, gateUpWeight, downWeight, routing));
    layer(
        "experts'",
        2 * flops,
        0,
        () ->
            kernels.expertsBackward(
                dX,
                dGates,
                dGateUpWeight,
                dDownWeight,
                work,
                x,
                gateUp,
                y,
                gates,
                gateUpWeight,
                downWeight,
                routing));
  }

  private void optimiser() {
    int perLayer =
        2 * model.width * (model.heads + model.kvHeads) * model.headDim
            + 3 * model.experts * model.width * model.ffn;
    int parameters = 2 * model.vocabulary * model.width + model.layers * perLayer;
    Tensor value = tensor(0.02, parameters);
    Tensor gradient = tensor(0.02, parameters);
    Tensor first = tensor(0.001, parameters);
    Tensor second = new Tensor(kernels.allocate(parameters), 0, parameters);
    AdamWStep step = new AdamWStep(1e-4, 0.9, 0.95, 1e-8, 0.1, 0.1, 0.05, 1);
    once("gradient norm", 0, parameters, () -> kernels.squaredNorm(gradient));
    once("AdamW", 0, 7.0 * parameters, () -> kernels.adamW(value, gradient, first, second, step));
    once("zero gradient", 0, parameters, () -> kernels.fill(gradient, 0));
  }

  private void report(String name, int threads, int steps) {
    double product = productRate();
    double copy = copyRate();
    List<Op> ops = new ArrayList<>(layer);
    ops.addAll(once);
    long allocated = 0;
    for (int step = -steps; step < steps; step++) {
      for (int i = 0; i < model.layers; i++) {
        layer.forEach(op -> time(op));
      }
      once.forEach(op -> time(op));
      if (step == -1) {
        ops.forEach(op -> op.nanos = 0);
        allocated = allocatedBytes();
      }
    }
    allocated = (allocatedBytes() - allocated) / steps;
    double total = ops.stream().mapToDouble(op -> op.nanos).sum() / steps;
    int tokens = model.batch * model.sequence;
    System.out.printf(
        "%s, %d threads: %.1f ms a step, %.0f tokens/s; product %.0f GFLOP/s, copy %.1f GB/s%n",
        name, threads, total / 1e6, tokens / (total / 1e9), product, copy);
    double others = 0;
    for (Op op : ops) {
      double nanos = (double) op.nanos / steps;
      boolean compute = op.flops > 0;
      others += compute ? 0 : nanos;
      double rate = (compute ? op.flops : op.bytes) * op.perStep / nanos;
      System.out.printf(
          "%-18s %8.2f ms %5.1f %%  %6.1f %s  %3.0f %%%n",
          op.name,
          nanos / 1e6,
          100 * nanos / total,
          rate,
          compute ? "GFLOP/s" : "GB/s   ",
          100 * rate / (compute ? product : copy));
    }
    System.out.printf(
        "everything but products and attention: %.1f %%; %d bytes of garbage a step%n",
        100 * others / total, allocated);
  }

  /** Vectors that the compiler left on the heap would show here. */
  private static long allocatedBytes() {
    return ((com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean())
        .getThreadAllocatedBytes(Thread.currentThread().getId());
  }

  private void time(Op op) {
    long start = clock.getAsLong();
    op.body.run();
    op.nanos += clock.getAsLong() - start;
  }

  private double productRate() {
    int n = 1024;
    Tensor a = tensor(1, 2 * n, n);
    Tensor b = tensor(1, n, n);
    Tensor c = tensor(1, 2 * n, n);
    return 4.0 * n * n * n / best(() -> kernels.linear(c, a, b, false));
  }

  private double copyRate() {
    Tensor a = tensor(1, 1 << 24);
    Tensor b = tensor(1, 1 << 24);
    return 8.0 * a.size() / best(() -> kernels.copy(b, a));
  }

  private double best(Runnable body) {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < 10; i++) {
      long start = clock.getAsLong();
      body.run();
      best = Math.min(best, clock.getAsLong() - start);
    }
    return best;
  }
}
