package org.metier.model;

import java.util.List;
import java.util.Random;
import org.metier.engine.kernel.DropPolicy;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.FlatParameters.Role;

/** Small models and batches for tests, drawn from a seed. */
public final class TinyModel {
  private TinyModel() {}

  /** Odd sizes throughout, grouped heads, two layers. */
  public static ModelConfig config() {
    return new ModelConfig(13, 6, 2, 4, 2, 4, 5, 2, 7, 9, true, 10_000, 1e-6, 0.4);
  }

  /** The same with null experts, a capacity and experts of several widths. */
  public static ModelConfig config(
      int topK, int nulls, double factor, DropPolicy policy, Integer... widths) {
    return new ModelConfig(
        13,
        6,
        2,
        4,
        2,
        4,
        5,
        topK,
        7,
        9,
        true,
        10_000,
        1e-6,
        0.4,
        RouterScoring.SOFTMAX,
        nulls,
        factor,
        policy,
        List.of(widths));
  }

  /** Two packed sequences with a document boundary in each and two targets that do not count. */
  public static Batch batch(ModelConfig c, long seed) {
    Random random = new Random(seed);
    int length = c.sequenceLength();
    int tokens = 2 * length;
    int[] inputs = new int[tokens];
    int[] targets = new int[tokens];
    int[] documentStart = new int[tokens];
    for (int t = 0; t < tokens; t++) {
      inputs[t] = random.nextInt(c.vocabSize());
      targets[t] = random.nextInt(c.vocabSize());
      int position = t % length;
      int boundary = t < length ? 3 : 5;
      documentStart[t] = position >= boundary ? boundary : 0;
    }
    targets[2] = -1;
    targets[tokens - 1] = -1;
    return new Batch(2, length, inputs, targets, documentStart);
  }

  /** Initial weights, with norm scales moved off 1 so that their gradients matter. */
  public static void initialize(TransformerLm model, Kernels kernels, long seed) {
    FlatParameters parameters = model.parameters();
    Parameters.initialize(parameters, model.config(), kernels, seed);
    int decayed = parameters.layout().decayedSize();
    float[] scales = new float[parameters.layout().size() - decayed];
    Random random = new Random(seed + 1);
    for (int i = 0; i < scales.length; i++) {
      scales[i] = 0.5f + random.nextFloat();
    }
    kernels.upload(parameters.block(Role.VALUE, decayed, scales.length), scales, 0);
  }

  /** [L][E] arbitrary gradients with respect to mean probabilities. */
  public static double[][] balanceGradients(ModelConfig c, long seed) {
    Random random = new Random(seed);
    double[][] gradients = new double[c.numLayers()][c.routerColumns()];
    for (double[] layer : gradients) {
      for (int e = 0; e < layer.length; e++) {
        layer[e] = random.nextGaussian();
      }
    }
    return gradients;
  }

  /** Copy of one block on the host. */
  public static double[] download(Kernels kernels, FlatParameters parameters, Role role) {
    double[] values = new double[parameters.layout().size()];
    kernels.download(values, 0, parameters.block(role));
    return values;
  }
}
