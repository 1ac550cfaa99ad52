package org.metier.engine.kernel.contract;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.Storage;
import org.metier.engine.tensor.Tensor;

/** Storage, transfer and the element-wise ops of the optimiser. */
interface MemoryContract extends Contract {

  @Test
  default void allocatedStorageIsZeroed() {
    Storage storage = candidate().allocate(1001);
    assertThat(storage.length()).isEqualTo(1001);
    double[] values = new double[1001];
    candidate().download(values, 0, new Tensor(storage, 0, 1001));
    assertThat(values).containsOnly(0);
  }

  @Test
  default void floatsSurviveTheRoundTrip() {
    float[] source = {9, 1.5f, -2.25f, Float.MIN_VALUE, Float.MAX_VALUE, 1e-20f, 0.1f, 9};
    Kernels k = candidate();
    Tensor window = new Tensor(k.allocate(10), 3, 2, 3);
    k.upload(window, source, 1);

    float[] target = {7, 7, 7, 7, 7, 7, 7, 7, 7};
    k.download(target, 2, window);
    assertThat(target)
        .containsExactly(7, 7, 1.5f, -2.25f, Float.MIN_VALUE, Float.MAX_VALUE, 1e-20f, 0.1f, 7);

    float[] all = new float[10];
    k.download(all, 0, new Tensor(window.storage(), 0, 10));
    assertThat(all)
        .containsExactly(0, 0, 0, 1.5f, -2.25f, Float.MIN_VALUE, Float.MAX_VALUE, 1e-20f, 0.1f, 0);
  }

  @Test
  default void doublesAreRoundedAtMostToFloat() {
    double[] source = {9, 1.0 / 3, -1e-3, 1 + 1e-12, 9};
    Kernels k = candidate();
    Tensor window = new Tensor(k.allocate(5), 1, 3);
    k.upload(window, source, 1);
    double[] target = {7, 7, 7, 7, 7};
    k.download(target, 1, window);
    assertThat(target[0]).isEqualTo(7);
    assertThat(target[4]).isEqualTo(7);
    for (int i = 1; i < 4; i++) {
      assertThat(target[i]).isIn(source[i], (double) (float) source[i]);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 17, 1000, 70_001})
  default void elementwise(int length) {
    assertAgrees(
        "fill, copy, addScaled of " + length,
        trial -> {
          Tensor source = trial.input("source", length);
          trial.kernels().fill(trial.output("filled", length), -0.625);
          trial.kernels().copy(trial.output("copied", length), source);
          trial.kernels().addScaled(trial.accumulator("sum", length), -1.75, source);
        });
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 17, 1000, 70_001})
  default void jitter(int length) {
    assertAgrees(
        "jitter of " + length,
        trial -> {
          Tensor x = trial.input("x", length);
          trial.kernels().jitter(trial.output("noisy", length), x, 0.25, 11, false);
          trial.kernels().jitter(trial.accumulator("sum", length), x, 0.5, -7, true);
        });
  }

  /** 2^24 and many quarters: a float accumulator would lose the quarters. */
  @Test
  default void squaredNormIsAccumulatedInDouble() {
    float[] values = new float[100_003];
    Arrays.fill(values, 0.5f);
    values[0] = 4096;
    Tensor x = new Tensor(candidate().allocate(values.length), 0, values.length);
    candidate().upload(x, values, 0);
    double expected = 4096.0 * 4096 + 0.25 * 100_002;
    assertThat(candidate().squaredNorm(x)).isEqualTo(expected);
    assertThat(candidate().squaredNorm(x.rows(0, 0))).isZero();
    assertThat(candidate().squaredNorm(x.rows(7, 5))).isEqualTo(1.25);
  }
}
