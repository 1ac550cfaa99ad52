package org.metier.train;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;
import org.metier.model.ModelConfig;

/**
 * What each expert costs on this machine: seconds of its forward and backward pass per token, at
 * the load of an even routing. For balancing experts of different width by time and not by tokens
 * (ShiftAddViT, arXiv 2306.06446). Experts of one width are measured once, so that they have the
 * same number; the widths take turns, so that a machine that others use too slows all of them.
 */
public final class ExpertLatencies {
  private static final int WARM_UP = 10;
  private static final int REPETITIONS = 21;

  private ExpertLatencies() {}

  /**
   * Takes about a second for a small model.
   *
   * @return [n] positive, mean 1
   */
  public static double[] measure(EngineConfig engine, ModelConfig model, TrainConfig train) {
    try (Kernels kernels = engine.open(train.threadsPerWorker())) {
      int tokens = train.batchSequences() * model.sequenceLength();
      int load = Math.max(1, tokens * model.topK() / model.routerColumns());
      TreeMap<Integer, Expert> byWidth = new TreeMap<>();
      for (int e = 0; e < model.numExperts(); e++) {
        byWidth.computeIfAbsent(
            model.expertWidth(e), width -> new Expert(kernels, load, model.hiddenSize(), width));
      }
      for (int i = 0; i < WARM_UP + REPETITIONS; i++) {
        for (Expert expert : byWidth.values()) {
          expert.run(i - WARM_UP);
        }
      }
      double[] latencies = new double[model.numExperts()];
      double mean = 0;
      for (int e = 0; e < latencies.length; e++) {
        latencies[e] = byWidth.get(model.expertWidth(e)).medianNanos();
        mean += latencies[e] / latencies.length;
      }
      for (int e = 0; e < latencies.length; e++) {
        latencies[e] /= mean;
      }
      return latencies;
    }
  }

  /** The config with measured latencies, where its strategy asks for some and it names none. */
  static TrainConfig completed(EngineConfig engine, ModelConfig model, TrainConfig train) {
    return StrategyConfig.needsLatencies(train.balance())
        ? train.withLatencies(Arrays.stream(measure(engine, model, train)).boxed().toList())
        : train;
  }

  /** A lone expert with tokens of random numbers. */
  private static final class Expert {
    private final Kernels kernels;
    private final Routing routing;
    private final Tensor x;
    private final Tensor out;
    private final Tensor work;
    private final Tensor dX;
    private final Tensor gates;
    private final Tensor dGates;
    private final Tensor gateUp;
    private final Tensor gateUpWeight;
    private final Tensor downWeight;
    private final Tensor dGateUpWeight;
    private final Tensor dDownWeight;
    private final long[] nanos = new long[REPETITIONS];
    private final SplittableRandom random = new SplittableRandom(1);

    Expert(Kernels kernels, int tokens, int d, int f) {
      this.kernels = kernels;
      this.routing = new Routing(tokens, 1, 1);
      routing.sortByExpert(tokens);
      this.x = tensor(tokens, d);
      this.out = tensor(tokens, d);
      this.work = tensor(tokens, d);
      this.dX = tensor(tokens, d);
      this.gates = tensor(tokens, 1);
      this.dGates = tensor(tokens, 1);
      this.gateUp = tensor(tokens, 2 * f);
      this.gateUpWeight = tensor(1, 2 * f, d);
      this.downWeight = tensor(1, d, f);
      this.dGateUpWeight = tensor(1, 2 * f, d);
      this.dDownWeight = tensor(1, d, f);
    }

    /** Below 0 nothing is kept. */
    void run(int repetition) {
      long began = System.nanoTime();
      kernels.experts(out, gateUp, work, x, x, gates, gateUpWeight, downWeight, routing);
      kernels.expertsBackward(
          dX,
          dGates,
          dGateUpWeight,
          dDownWeight,
          work,
          out,
          gateUp,
          x,
          gates,
          gateUpWeight,
          downWeight,
          routing);
      kernels.squaredNorm(dGates); // a device that computes on its own has to finish first
      if (repetition >= 0) {
        nanos[repetition] = System.nanoTime() - began;
      }
    }

    /** At least one: a clock may stand still over a tiny expert. */
    double medianNanos() {
      long[] sorted = nanos.clone();
      Arrays.sort(sorted);
      return Math.max(1, sorted[sorted.length / 2]);
    }

    /** Numbers between -0.1 and 0.1. */
    private Tensor tensor(int... shape) {
      Tensor tensor = new Tensor(kernels.allocate(Tensor.sizeOf(shape)), 0, shape);
      double[] values = random.doubles(tensor.size(), -0.1, 0.1).toArray();
      kernels.upload(tensor, values, 0);
      return tensor;
    }
  }
}
