package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.engine.kernel.DropPolicy;
import org.metier.model.ModelConfig;
import org.metier.train.StrategyConfig.Kind;
import org.metier.train.TrainConfig.Balance;
import org.metier.train.TrainConfig.Window;

/** Experts of two widths whose latencies are measured when the run starts. */
class LatencyTrainingTest {
  @TempDir Path directory;

  private final List<String> notices = new ArrayList<>();

  @Test
  void aRunMeasuresOnceAndGoesOnWithTheSameLatencies() throws IOException {
    String data = TrainFixture.prepared(directory);
    Balance balance = BalanceFixture.of(Window.ROUND, Kind.LATENCY).withLatencies(List.of());
    Training.Result begun = train(TrainFixture.train(data, 2, 2, 2, 1, balance), false);
    List<Double> measured = latencies(begun);
    assertThat(measured).hasSize(4);
    assertThat(measured.get(1)).isEqualTo(measured.get(0));
    assertThat(measured.stream().mapToDouble(Double::doubleValue).average().orElseThrow())
        .isCloseTo(1, within(1e-12));
    assertThat(notices).hasSize(1);
    assertThat(notices.get(0)).startsWith("latency of each expert as measured, mean 1;");

    Training.Result resumed = train(TrainFixture.train(data, 2, 2, 4, 1, balance), true);
    assertThat(resumed.trained()).isTrue();
    assertThat(latencies(resumed)).isEqualTo(measured);
    assertThat(notices).as("measured no second time").hasSize(1);
  }

  private Training.Result train(TrainConfig config, boolean resume) throws IOException {
    ModelConfig m = TrainFixture.model();
    ModelConfig model =
        new ModelConfig(
            m.vocabSize(),
            m.hiddenSize(),
            m.numLayers(),
            m.numHeads(),
            m.numKvHeads(),
            m.headDim(),
            4,
            2,
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
            List.of(8, 8, 48, 48));
    Training.TrainingListener listener =
        new Training.TrainingListener() {
          @Override
          public void started(long round, TrainConfig c) {}

          @Override
          public void roundFinished(RoundMetrics metrics) {}

          @Override
          public void notice(String line) {
            notices.add(line);
          }
        };
    return new Training(
            TrainFixture.spark(), "r", run(), TrainFixture.engine(), model, config, listener)
        .run(resume);
  }

  private RunDirectory run() {
    return new RunDirectory(directory.resolve("run").toString(), new Configuration());
  }

  private List<Double> latencies(Training.Result result) throws IOException {
    return Checkpoint.read(run(), result.checkpoint())
        .header()
        .train()
        .balance()
        .latency()
        .latencies();
  }
}
