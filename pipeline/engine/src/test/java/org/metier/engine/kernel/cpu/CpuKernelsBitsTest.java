package org.metier.engine.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/** What the cpu backend promises beyond the contract, on sizes where every op has several tasks. */
class CpuKernelsBitsTest {
  private static final AttentionShape SHAPE = new AttentionShape(3, 200, 4, 2, 32);
  private static final int WIDTH = 192;
  private static final int EXPERTS = 5;
  private static final int VOCABULARY = 2500;

  /** Tensors of random numbers in [-0.5, 0.5), the same on every backend. */
  private static class Tensors {
    final Kernels kernels;
    final SplittableRandom random = new SplittableRandom(3);
    final List<Tensor> all = new ArrayList<>();

    Tensors(Kernels kernels) {
      this.kernels = kernels;
    }

    final Tensor tensor(int... shape) {
      Tensor tensor = new Tensor(kernels.allocate(Tensor.sizeOf(shape)), 0, shape);
      double[] values = new double[tensor.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = random.nextDouble() - 0.5;
      }
      kernels.upload(tensor, values, 0);
      all.add(tensor);
      return tensor;
    }
  }

  /** One forward and backward pass over all ops; the same numbers whatever the backend. */
  private static final class Pass extends Tensors {
    final int tokens = SHAPE.tokens();
    final int[] ids = random.ints(tokens, 0, VOCABULARY).toArray();
    final int[] documentStart = new int[tokens];
    final double[] losses = new double[tokens];

    /** Lifts expert 0 over all others: every token goes there, more than fit into one block. */
    final double[] bias = {1, 0, 0, 0, 0};

    final Routing routing = new Routing(tokens, EXPERTS, 2);
    final Tensor table = tensor(VOCABULARY, WIDTH);
    final Tensor dTable = tensor(VOCABULARY, WIDTH);
    final Tensor x = tensor(tokens, WIDTH);
    final Tensor y = tensor(tokens, WIDTH);
    final Tensor dX = tensor(tokens, WIDTH);
    final Tensor inverse = tensor(tokens);
    final Tensor weight = tensor(WIDTH);
    final Tensor dWeight = tensor(WIDTH);
    final Tensor wQkv = tensor(SHAPE.qkvWidth(), WIDTH);
    final Tensor dWQkv = tensor(SHAPE.qkvWidth(), WIDTH);
    final Tensor qkv = tensor(tokens, SHAPE.qkvWidth());
    final Tensor rotated = tensor(tokens, SHAPE.qkvWidth());
    final Tensor dRotated = tensor(tokens, SHAPE.qkvWidth());
    final Tensor dQkv = tensor(tokens, SHAPE.qkvWidth());
    final Tensor headInverse = tensor(tokens, SHAPE.heads() + SHAPE.kvHeads());
    final Tensor headWeight = tensor(SHAPE.headDim());
    final Tensor dHeadWeight = tensor(SHAPE.headDim());
    final Tensor attended = tensor(tokens, SHAPE.queryWidth());
    final Tensor dAttended = tensor(tokens, SHAPE.queryWidth());
    final Tensor logSumExp = tensor(tokens, SHAPE.heads());
    final Tensor logits = tensor(tokens, EXPERTS);
    final Tensor dLogits = tensor(tokens, EXPERTS);
    final Tensor probabilities = tensor(tokens, EXPERTS);
    final Tensor gates = tensor(tokens, 2);
    final Tensor dGates = tensor(tokens, 2);
    final Tensor work = tensor(2 * tokens, WIDTH);
    final Tensor gateUp = tensor(2 * tokens, 2 * WIDTH);
    final Tensor gateUpWeight = tensor(EXPERTS, 2 * WIDTH, WIDTH);
    final Tensor dGateUpWeight = tensor(EXPERTS, 2 * WIDTH, WIDTH);
    final Tensor downWeight = tensor(EXPERTS, WIDTH, WIDTH);
    final Tensor dDownWeight = tensor(EXPERTS, WIDTH, WIDTH);
    final Tensor firstMoment = tensor(VOCABULARY, WIDTH);
    final Tensor secondMoment;
    final List<float[]> results = new ArrayList<>();

    Pass(Kernels kernels) {
      super(kernels);
      this.secondMoment = new Tensor(kernels.allocate(table.size()), 0, VOCABULARY, WIDTH);
    }

    void run() {
      kernels.embedding(x, table, ids);
      kernels.rmsNorm(y, inverse, x, weight, 1e-6);
      kernels.linear(qkv, y, wQkv, false);
      kernels.headNormRotary(rotated, headInverse, qkv, headWeight, headWeight, SHAPE, 1e4, 1e-6);
      kernels.attention(attended, logSumExp, rotated, documentStart, SHAPE);
      kernels.attentionBackward(
          dRotated, dAttended, attended, logSumExp, rotated, documentStart, SHAPE);
      kernels.headNormRotaryBackward(
          dQkv,
          dHeadWeight,
          dHeadWeight,
          dRotated,
          headInverse,
          qkv,
          headWeight,
          headWeight,
          SHAPE,
          1e4);
      kernels.linearInputGradient(y, dQkv, wQkv, true);
      kernels.linearWeightGradient(dWQkv, dQkv, y);
      kernels.rmsNormBackward(dX, dWeight, y, inverse, x, weight);
      kernels.route(probabilities, gates, routing, logits, bias, true);
      kernels.experts(x, gateUp, work, y, y, gates, gateUpWeight, downWeight, routing);
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
          routing);
      kernels.routeBackward(
          dLogits, dGates, probabilities, gates, routing, logits, true, bias, 1e-3);
      kernels.crossEntropyWithGradient(losses, dX, dTable, x, table, ids, 1e-3);
      kernels.embeddingBackward(dTable, dX, ids);
      double norm = Math.sqrt(kernels.squaredNorm(dTable));
      kernels.adamW(
          table,
          dTable,
          firstMoment,
          secondMoment,
          new AdamWStep(1e-3, 0.9, 0.95, 1e-8, 0.1, 0.1, 0.05, 1 / norm));
    }

    /** Copies all tensors to the host, while the kernels are open. */
    void collect() {
      for (Tensor tensor : all) {
        assertThat(kernels.squaredNorm(tensor)).as("%s", tensor).isFinite().isPositive();
        float[] values = new float[tensor.size()];
        kernels.download(values, 0, tensor);
        results.add(values);
      }
    }
  }

  @Test
  void anyNumberOfThreadsGivesTheSameBits() {
    Pass expected = passes(1);
    for (int threads = 2; threads <= 3; threads++) {
      Pass actual = passes(threads);
      for (int i = 0; i < expected.results.size(); i++) {
        assertThat(actual.results.get(i))
            .as("tensor %d of %s with %d threads", i, expected.all.get(i), threads)
            .isEqualTo(expected.results.get(i));
      }
      assertThat(actual.losses).isEqualTo(expected.losses);
      assertThat(actual.routing.probabilitySum).isEqualTo(expected.routing.probabilitySum);
      assertThat(actual.routing.gateMass).isEqualTo(expected.routing.gateMass);
      assertThat(actual.routing.scoreSum).isEqualTo(expected.routing.scoreSum);
      assertThat(actual.routing.squaredLogSumExp).isEqualTo(expected.routing.squaredLogSumExp);
    }
  }

  private static Pass passes(int threads) {
    try (Kernels kernels = new CpuKernels(threads)) {
      Pass pass = new Pass(kernels);
      pass.run();
      pass.run();
      pass.collect();
      return pass;
    }
  }

  /**
   * Small objects per call are allowed (a task, a tile), anything that grows with the data is not.
   */
  @Test
  void steadyStateAllocatesNothingOfTheSizeOfTheData() {
    ThreadMXBean jvm = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    // Without the Vector API: its vectors are objects until the loops have been compiled.
    try (Kernels kernels = new CpuKernels(1, Blas.best(), new ScalarRows())) {
      Pass pass = new Pass(kernels);
      pass.run();
      long thread = Thread.currentThread().getId();
      long before = jvm.getThreadAllocatedBytes(thread);
      pass.run();
      long allocated = jvm.getThreadAllocatedBytes(thread) - before;
      assertThat(allocated).isLessThan(32_000);
    }
  }
}
