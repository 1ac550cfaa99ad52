package org.metier.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.profile.KernelProfile;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.optim.AdamW;

/** A profile of one training step of the whole model. */
class ProfiledStepTest {
  private final ModelConfig config = TinyModel.config();
  private final Batch batch = TinyModel.batch(config, 1);

  private record Step(double loss, double[] gradients, double[] values) {}

  @Test
  void aProfiledStepIsTheSameToTheBit() {
    Step plain = step(new ReferenceKernels());
    Step profiled = step(new KernelProfile(new ReferenceKernels()).kernels());
    assertThat(profiled.loss()).isEqualTo(plain.loss());
    assertThat(profiled.gradients()).containsExactly(plain.gradients());
    assertThat(profiled.values()).containsExactly(plain.values());
  }

  /**
   * 6 flops per token and matrix element that it meets: 2 forward, 4 backward; attention's products
   * are 2 forward and 5 backward over the pairs of positions that see each other.
   */
  @Test
  void flopsAreThoseOfTheModel() {
    ParameterLayout layout = Parameters.layout(config);
    long matrices = Parameters.active(config) - (layout.size() - layout.decayedSize());
    // documents of 3 and 6, 5 and 4 positions: n (n + 1) / 2 pairs each
    int pairs = 6 + 21 + 15 + 10;
    int width = config.numHeads() * config.headDim();
    double attention = (2 + 5) * 2.0 * pairs * width * config.numLayers();
    double flops = ops().stream().mapToDouble(KernelProfile.Op::flops).sum();
    assertThat(flops).isEqualTo(6.0 * batch.tokens() * matrices + attention);
  }

  @Test
  void callsAreThoseOfTwoLayers() {
    Map<String, Long> calls =
        ops().stream().collect(Collectors.toMap(KernelProfile.Op::name, KernelProfile.Op::calls));
    assertThat(calls)
        .containsEntry("embedding", 1L)
        .containsEntry("attention", 2L)
        .containsEntry("attentionBackward", 2L)
        .containsEntry("route", 2L)
        .containsEntry("experts", 2L)
        .containsEntry("expertsBackward", 2L)
        // qkv, attention's output, router
        .containsEntry("linear", 6L)
        // two in a layer and the final one
        .containsEntry("rmsNorm", 5L)
        .containsEntry("crossEntropyWithGradient", 1L)
        // matrices, and norm weights without decay
        .containsEntry("adamW", 2L)
        .doesNotContainKeys("allocate", "crossEntropy");
  }

  private List<KernelProfile.Op> ops() {
    KernelProfile profile = new KernelProfile(new ReferenceKernels());
    step(profile.kernels());
    return profile.ops();
  }

  private Step step(Kernels kernels) {
    TransformerLm lm = TransformerLm.forTraining(kernels, config, batch.sequences());
    TinyModel.initialize(lm, kernels, 1);
    double loss = lm.forward(batch);
    lm.backward(batch, TinyModel.balanceGradients(config, 1), 1e-3);
    double[] gradients = TinyModel.download(kernels, lm.parameters(), Role.GRADIENT);
    new AdamW(0.9, 0.95, 1e-8, 0.1, 1.0).step(kernels, lm.parameters(), 1e-3, 1);
    return new Step(loss, gradients, TinyModel.download(kernels, lm.parameters(), Role.VALUE));
  }
}
