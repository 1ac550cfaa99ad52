package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.DropPolicy;
import org.metier.model.ModelConfig;
import org.metier.train.TrainConfig.Window;

/** What is promised of measured latencies; how long something takes is nothing to assert. */
class ExpertLatenciesTest {

  @Test
  void latenciesArePositiveWithMeanOneAndEqualForEqualWidths() {
    ModelConfig m = TrainFixture.model();
    ModelConfig model =
        new ModelConfig(
            m.vocabSize(),
            m.hiddenSize(),
            m.numLayers(),
            m.numHeads(),
            m.numKvHeads(),
            m.headDim(),
            m.numExperts(),
            m.topK(),
            m.expertSize(),
            m.sequenceLength(),
            m.normalizeGates(),
            m.ropeTheta(),
            m.rmsEpsilon(),
            m.initStd(),
            m.router(),
            0,
            0,
            DropPolicy.PROBABILITY,
            List.of(8, 8, 64, 8));
    TrainConfig config = TrainFixture.train("unused", 2, 1, 1, Window.ROUND);
    double[] latencies = ExpertLatencies.measure(TrainFixture.engine(), model, config);
    assertThat(latencies).hasSize(4).doesNotContain(Double.NaN, Double.POSITIVE_INFINITY);
    assertThat(Arrays.stream(latencies).min().orElseThrow()).isPositive();
    assertThat(Arrays.stream(latencies).average().orElseThrow()).isCloseTo(1, within(1e-12));
    assertThat(latencies[1]).isEqualTo(latencies[0]);
    assertThat(latencies[3]).isEqualTo(latencies[0]);
  }
}
