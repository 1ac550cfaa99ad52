package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.metier.train.AveragingConfig.Diloco;
import org.metier.train.AveragingConfig.Fedspeed;

/** Outer steps on numbers alone. */
class OuterOptimizerTest {
  private static final int SIZE = 1000;

  @Test
  void theMeanReplacesTheParameters() {
    float[] values = draw(1);
    float[] mean = draw(2);
    new OuterOptimizer.Mean().step(values, mean, Map.of(), 0);
    assertThat(values).isEqualTo(mean);
  }

  @Test
  void withRateOneAndNoMomentumDilocoIsTheMeanBitForBit() {
    // Exact, since the difference of two floats of like size is exact in double.
    float[] values = draw(1);
    float[] mean = draw(2);
    step(new Diloco(1, 0), values, mean, new float[SIZE], 0);
    assertThat(values).isEqualTo(mean);
  }

  @Test
  void dilocoIsSgdWithNesterovMomentumWrittenOutInDouble() {
    double rate = 0.7;
    double mu = 0.9;
    float[] values = draw(1);
    float[] momentum = new float[SIZE];
    double[] x = new double[SIZE];
    double[] m = new double[SIZE];
    for (int i = 0; i < SIZE; i++) {
      x[i] = values[i];
    }
    for (int round = 0; round < 10; round++) {
      float[] mean = draw(2 + round);
      step(new Diloco(rate, mu), values, mean, momentum, 0);
      for (int i = 0; i < SIZE; i++) {
        double g = x[i] - mean[i];
        m[i] = mu * m[i] + g;
        x[i] -= rate * (g + mu * m[i]);
        // floats of size up to ~30, rounded once a round, errors carried on through the momentum
        assertThat((double) values[i])
            .isCloseTo(x[i], org.assertj.core.api.Assertions.within(2e-5));
      }
    }
  }

  @Test
  void slicesTogetherAreTheWhole() {
    float[] whole = draw(1);
    float[] wholeMomentum = draw(3);
    float[] sliced = whole.clone();
    float[] slicedMomentum = wholeMomentum.clone();
    float[] mean = draw(2);
    step(new Diloco(0.7, 0.9), whole, mean, wholeMomentum, 0);
    for (int from = 0; from < SIZE; from += 300) {
      int end = Math.min(SIZE, from + 300);
      float[] part = java.util.Arrays.copyOfRange(mean, from, end);
      step(new Diloco(0.7, 0.9), sliced, part, slicedMomentum, from);
    }
    assertThat(sliced).isEqualTo(whole);
    assertThat(slicedMomentum).isEqualTo(wholeMomentum);
  }

  @Test
  void valuesThatMakeNoSenseAreRefused() {
    assertThatThrownBy(() -> new Diloco(0, 0.9))
        .hasMessage("learningRate must be positive, is 0.0");
    assertThatThrownBy(() -> new Diloco(0.7, 1)).hasMessage("momentum must lie in [0, 1), is 1.0");
    assertThatThrownBy(() -> new Fedspeed(0, 0.1, 1, true))
        .hasMessage("lambda must be positive, is 0.0");
    assertThatThrownBy(() -> new Fedspeed(1, -1, 1, true))
        .hasMessage("rho must not be negative, is -1.0");
    assertThatThrownBy(() -> new Fedspeed(1, 0.1, 2, true))
        .hasMessage("alpha must lie between 0 and 1, is 2.0");
    assertThatThrownBy(() -> new Fedspeed(1, 0, 1, true))
        .hasMessage(
            "alpha is 1.0, but with rho = 0 there is no second gradient: set both to 0 or neither");
    assertThatThrownBy(() -> new Fedspeed(1, 0.1, 0, true))
        .hasMessage(
            "rho is 0.1, but with alpha = 0 its gradient is not used: set both to 0 or neither");
  }

  private static void step(
      Diloco config, float[] values, float[] mean, float[] momentum, int from) {
    new NesterovMomentum(config).step(values, mean, Map.of(Block.OUTER_MOMENTUM, momentum), from);
  }

  private static float[] draw(long seed) {
    Random random = new Random(seed);
    float[] values = new float[SIZE];
    for (int i = 0; i < SIZE; i++) {
      values[i] = 1 + (float) random.nextGaussian() / 8;
    }
    return values;
  }
}
