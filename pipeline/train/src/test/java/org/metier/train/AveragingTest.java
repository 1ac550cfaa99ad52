package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.model.checkpoint.CorruptCheckpointException;
import org.metier.prep.BadDataException;
import org.metier.train.AveragingConfig.Diloco;
import org.metier.train.AveragingConfig.Fedspeed;
import org.metier.train.AveragingConfig.Outer;
import org.metier.train.AveragingConfig.Reduction;
import org.metier.train.TrainConfig.Moments;
import org.metier.train.TrainConfig.Window;

/** Outer optimisers and what happens to the moments, on real rounds. */
class AveragingTest {
  private static final Fedspeed FEDSPEED = new Fedspeed(10, 0.05, 1, true);

  @TempDir static Path shared;
  @TempDir Path directory;
  private static String data;

  @BeforeAll
  static void prepare() {
    data = TrainFixture.prepared(shared);
  }

  @ParameterizedTest
  @CsvSource({
    "DILOCO, AVERAGE, ROUND",
    "DILOCO, KEEP, ROUND",
    "MEAN, RESET, ROUND",
    "FEDSPEED, KEEP, ROUND",
    "FEDSPEED, KEEP, STEP"
  })
  void aResumedRunContinuesToTheSameBits(Outer outer, Moments moments, Window window)
      throws IOException {
    TrainConfig config =
        TrainFixture.train(data, 2, 2, 4, window, moments, TrainFixture.averaging(outer));
    float[] straight = values(train("straight", config, false));
    float[] parts = values(train("parts", config, false));
    assertThat(parts).as("two runs").isEqualTo(straight);
    // Forget the last rounds, as if the run had been killed after its first checkpoint.
    delete(directory.resolve("parts/checkpoints/round-000004"));
    assertThat(values(train("parts", config, true))).as("resumed").isEqualTo(straight);
  }

  @Test
  void whatHappensToTheMomentsMattersToTheResult() throws IOException {
    float[] averaged = values(train("a", config(2, 1, 2, Moments.AVERAGE, mean()), false));
    float[] kept = values(train("k", config(2, 1, 2, Moments.KEEP, mean()), false));
    float[] reset = values(train("r", config(2, 1, 2, Moments.RESET, mean()), false));
    assertThat(kept).isNotEqualTo(averaged).isNotEqualTo(reset);
    assertThat(reset).isNotEqualTo(averaged);
  }

  @Test
  void oneWorkerThatKeepsItsMomentsIsOneWhoseMomentsAreAveraged() throws IOException {
    float[] averaged = values(train("a", config(1, 1, 2, Moments.AVERAGE, mean()), false));
    float[] kept = values(train("k", config(1, 1, 2, Moments.KEEP, mean()), false));
    assertThat(kept).isEqualTo(averaged);
  }

  /** Two rounds of one step and two of two are six steps, as are three rounds of two. */
  @Test
  void oneWorkerComputesTheSameBitsHoweverItsStepsAreCutIntoRounds() throws IOException {
    AveragingConfig early =
        new AveragingConfig(
            Outer.MEAN,
            Reduction.SLICED,
            new Diloco(0.7, 0.9),
            FEDSPEED,
            new AveragingConfig.Early(2, 1));
    TrainConfig cut = TrainFixture.train(data, 1, 2, 4, Window.MICRO_BATCH, Moments.AVERAGE, early);
    TrainConfig even =
        TrainFixture.train(data, 1, 2, 3, Window.MICRO_BATCH, Moments.AVERAGE, mean());
    float[] whole = values(train("even", even, false));
    assertThat(values(train("cut", cut, false))).isEqualTo(whole);
    delete(directory.resolve("cut/checkpoints/round-000004"));
    assertThat(values(train("cut", cut, true))).as("resumed").isEqualTo(whole);
  }

  @Test
  void dilocoWithRateOneAndNoMomentumIsTheMeanBitForBit() throws IOException {
    AveragingConfig still =
        new AveragingConfig(Outer.DILOCO, Reduction.SLICED, new Diloco(1, 0), FEDSPEED);
    float[] diloco = values(train("d", config(2, 2, 2, Moments.AVERAGE, still), false));
    assertThat(diloco)
        .isEqualTo(values(train("m", config(2, 2, 2, Moments.AVERAGE, mean()), false)));
  }

  @Test
  void aRoundOfDl4jsReducerIsARoundOfOursButForItsRoundingInFloat() throws IOException {
    AveragingConfig ofDl4j =
        new AveragingConfig(Outer.MEAN, Reduction.DL4J, new Diloco(0.7, 0.9), FEDSPEED);
    float[] dl4j = values(train("d", config(2, 2, 1, Moments.AVERAGE, ofDl4j), false));
    float[] ours = values(train("o", config(2, 2, 1, Moments.AVERAGE, mean()), false));
    for (int i = 0; i < ours.length; i++) {
      // W + 3 roundings of numbers that lie within 3 learning rates of their mean
      double size = Math.abs(ours[i]) + 3 * 3e-3;
      assertThat(Math.abs((double) dl4j[i] - ours[i])).isLessThanOrEqualTo(5 * 0x1p-24 * size);
    }
  }

  @Test
  void dilocoAndFedspeedLearn() throws IOException {
    for (Outer outer : new Outer[] {Outer.DILOCO, Outer.FEDSPEED}) {
      TrainConfig config = config(2, 10, 6, Moments.KEEP, TrainFixture.averaging(outer));
      var history = train(outer.name(), config, false).history();
      double first = history.get(0).loss();
      assertThat(history.get(5).loss()).as(outer.name()).isLessThan(first - 0.4);
    }
  }

  @Test
  void aCheckpointHoldsWhatEachWorkerKeeps() throws IOException {
    train("kept", config(2, 1, 2, Moments.KEEP, TrainFixture.averaging(Outer.FEDSPEED)), false);
    Path checkpoint = directory.resolve("kept/checkpoints/round-000002");
    assertThat(checkpoint.resolve("first_moment.safetensors")).doesNotExist();
    for (String worker : new String[] {"worker-00000", "worker-00001"}) {
      try (var files = Files.list(checkpoint.resolve(worker))) {
        assertThat(files.map(file -> file.getFileName().toString()))
            .containsExactlyInAnyOrder(
                "first_moment.safetensors", "second_moment.safetensors", "dual.safetensors");
      }
    }
    Path file = checkpoint.resolve("worker-00001/dual.safetensors");
    try (RandomAccessFile random = new RandomAccessFile(file.toFile(), "rw")) {
      random.setLength(random.length() - 4);
    }
    TrainConfig longer = config(2, 1, 4, Moments.KEEP, TrainFixture.averaging(Outer.FEDSPEED));
    assertThatThrownBy(() -> train("kept", longer, true))
        .isInstanceOf(CorruptCheckpointException.class)
        .hasMessageContaining("round-000002: worker-00001/dual.safetensors has ");
  }

  @Test
  void aRunGoesOnWithTheSameOuterOptimiserAndTheWorkersThatKeepState() throws IOException {
    train("fixed", config(2, 1, 2, Moments.KEEP, mean()), false);
    assertThatThrownBy(() -> train("fixed", config(3, 1, 4, Moments.KEEP, mean()), true))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("train.workers (which keep state) was 2, is 3 since the checkpoint");
    AveragingConfig diloco = TrainFixture.averaging(Outer.DILOCO);
    assertThatThrownBy(() -> train("fixed", config(2, 1, 4, Moments.KEEP, diloco), true))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("train.averaging.outer was mean, is diloco since the checkpoint");
    train("diloco", config(2, 1, 2, Moments.AVERAGE, diloco), false);
    AveragingConfig slower =
        new AveragingConfig(Outer.DILOCO, Reduction.SLICED, new Diloco(0.5, 0.9), FEDSPEED);
    assertThatThrownBy(() -> train("diloco", config(2, 1, 4, Moments.AVERAGE, slower), true))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("train.averaging.diloco.learningRate was 0.7, is 0.5");
  }

  private static AveragingConfig mean() {
    return TrainFixture.averaging(Outer.MEAN);
  }

  private static TrainConfig config(
      int workers, int localSteps, int rounds, Moments moments, AveragingConfig averaging) {
    return TrainFixture.train(data, workers, localSteps, rounds, Window.ROUND, moments, averaging);
  }

  private Training.Result train(String id, TrainConfig config, boolean resume) throws IOException {
    return new Training(
            TrainFixture.spark(),
            id,
            run(id),
            TrainFixture.engine(),
            TrainFixture.model(),
            config,
            TrainFixture.silent())
        .run(resume);
  }

  private RunDirectory run(String id) {
    return new RunDirectory(directory.resolve(id).toString(), new Configuration());
  }

  private float[] values(Training.Result result) throws IOException {
    RunDirectory run = run(result.checkpoint().getParent().getParent().getName());
    return Checkpoint.read(run, result.checkpoint()).state().values();
  }

  private static void delete(Path path) throws IOException {
    try (var walk = Files.walk(path)) {
      for (Path p : walk.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(p);
      }
    }
  }
}
