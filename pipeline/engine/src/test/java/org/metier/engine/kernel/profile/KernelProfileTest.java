package org.metier.engine.kernel.profile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.Tensor;

class KernelProfileTest {
  private final KernelProfile profile = new KernelProfile(new ReferenceKernels());

  @Test
  void profiledKernelsGiveTheSameBits() {
    List<double[]> plain = new EveryOp(new ReferenceKernels()).run();
    List<double[]> profiled = new EveryOp(profile.kernels()).run();
    assertThat(profiled).hasSameSizeAs(plain);
    for (int i = 0; i < plain.size(); i++) {
      assertThat(profiled.get(i)).as("result %d", i).containsExactly(plain.get(i));
    }
  }

  @Test
  void everyOpOfTheSeamIsCounted() {
    new EveryOp(profile.kernels()).run();
    List<String> ops =
        Arrays.stream(Kernels.class.getMethods())
            .filter(KernelProfile::isOp)
            .map(Method::getName)
            .distinct()
            .toList();
    assertThat(profile.ops())
        .extracting(KernelProfile.Op::name)
        .containsExactlyInAnyOrderElementsOf(ops);
  }

  /** By hand, from the sizes in {@link EveryOp}: 2 flops for each multiplication of a product. */
  @Test
  void flopsAreThoseOfTheProducts() {
    new EveryOp(profile.kernels()).run();
    Map<String, Double> flops = byName(KernelProfile.Op::flops);
    flops.values().removeIf(count -> count == 0);
    assertThat(flops)
        .containsOnly(
            // 6 tokens, 4 in, 8 out; forward twice
            entry("linear", 2 * 2.0 * 6 * 4 * 8),
            entry("linearInputGradient", 2.0 * 6 * 4 * 8),
            entry("linearWeightGradient", 2.0 * 6 * 4 * 8),
            // 12 rows, 4 to 10 and 5 to 4; backward both gradients of each
            entry("experts", 2.0 * 12 * (4 * 10 + 5 * 4)),
            entry("expertsBackward", 2 * 2.0 * 12 * (4 * 10 + 5 * 4)),
            // 1 + 2 + 1 positions of the first sequence, 1 + 1 + 2 of the second; width 4
            entry("attention", 2 * 2.0 * 8 * 4),
            entry("attentionBackward", 5 * 2.0 * 8 * 4),
            // 6 tokens, width 4, 7 entries of the vocabulary
            entry("crossEntropy", 2.0 * 6 * 4 * 7),
            entry("crossEntropyAndArgMax", 2.0 * 6 * 4 * 7),
            entry("crossEntropyWithGradient", 3 * 2.0 * 6 * 4 * 7));
  }

  @Test
  void elementsAreTheTensorsAndTwiceWhatIsReadAndWritten() {
    new EveryOp(profile.kernels()).run();
    Map<String, Double> elements = byName(KernelProfile.Op::elements);
    assertThat(elements)
        .containsEntry("copy", 2.0 * 24)
        .containsEntry("fill", 24.0)
        .containsEntry("addScaled", 3.0 * 24)
        .containsEntry("squaredNorm", 24.0)
        // x, out, one scale a token, the weight
        .containsEntry("rmsNorm", 24.0 + 24 + 6 + 4)
        // dX is added to
        .containsEntry("rmsNormBackward", 2 * 24.0 + 4 + 24 + 6 + 24 + 4)
        // rows of the table in use, and not the table
        .containsEntry("embedding", 24.0 + 24)
        .containsEntry("embeddingBackward", 24.0 + 2 * 24)
        // out, residual, x; gateUp; the gates; working memory twice; both weights
        .containsEntry("experts", 3 * 24.0 + 120 + 12 + 2 * 48 + 120 + 60)
        // dX, dOut, x; gateUp; gates and theirs; working memory twice; weights; theirs added to
        .containsEntry("expertsBackward", 3 * 24.0 + 120 + 2 * 12 + 2 * 48 + 3 * (120 + 60))
        // gradient read; value and both moments read and written
        .containsEntry("adamW", 7.0 * 24);
  }

  @Test
  void callsAndTimeAddUpUntilReset() {
    Kernels kernels = profile.kernels();
    Tensor x = new Tensor(kernels.allocate(64), 0, 64);
    long began = System.nanoTime();
    for (int i = 0; i < 5; i++) {
      kernels.fill(x, i);
    }
    long passed = System.nanoTime() - began;
    KernelProfile.Op fill = profile.ops().get(0);
    assertThat(profile.ops()).hasSize(1);
    assertThat(fill.calls()).isEqualTo(5);
    assertThat(fill.elements()).isEqualTo(5 * 64);
    assertThat(fill.nanos()).isPositive().isLessThanOrEqualTo(passed);
    assertThat(fill.allocated()).isNotNegative();
    assertThat(fill.product()).isFalse();
    profile.reset();
    assertThat(profile.ops()).isEmpty();
  }

  @Test
  void failuresOfTheKernelsComeThroughAsTheyAre() {
    Kernels kernels = new KernelProfile(new CpuKernels(1)).kernels();
    Tensor x = new Tensor(kernels.allocate(6), 0, 2, 3);
    Tensor w = new Tensor(kernels.allocate(4), 0, 1, 4);
    assertThatThrownBy(() -> kernels.linear(x, x, w, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("linear input");
    kernels.close();
  }

  @Test
  void aMachineHasAPeak() throws InterruptedException {
    MachinePeak peak = MachinePeak.measure(() -> new CpuKernels(1), 2);
    // any machine since 2000, and none before 2050
    assertThat(peak.flopsPerSecond()).isBetween(1e8, 1e16);
    assertThat(peak.elementsPerSecond()).isBetween(1e7, 1e13);
  }

  private Map<String, Double> byName(Function<KernelProfile.Op, Double> number) {
    return profile.ops().stream()
        .collect(Collectors.toMap(KernelProfile.Op::name, number, Double::sum, LinkedHashMap::new));
  }
}
