package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.engine.kernel.Precision;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.TransformerLm;
import org.metier.model.checkpoint.CorruptCheckpointException;
import org.metier.prep.BadDataException;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardReader;
import org.metier.prep.shard.TokenSequence;
import org.metier.train.TrainConfig.Window;

/** Rounds on real local Spark: exactness, repeatability, resuming and refusing. */
class TrainingTest {
  @TempDir static Path shared;
  @TempDir Path directory;
  private static String data;

  @BeforeAll
  static void prepare() {
    data = TrainFixture.prepared(shared);
  }

  @Test
  void oneWorkerWithOneLocalStepIsPlainTrainingBitForBit() throws IOException {
    TrainConfig config = TrainFixture.train(data, 1, 1, 5, Window.MICRO_BATCH);
    float[] averaged = values(train("plain", config, false));
    assertThat(averaged).isEqualTo(plainTraining(config));
  }

  @Test
  void twoRunsWithOneSeedGiveTheSameBits() throws IOException {
    TrainConfig config = TrainFixture.train(data, 2, 3, 3, Window.ROUND);
    float[] first = values(train("first", config, false));
    assertThat(values(train("second", config, false))).isEqualTo(first);
  }

  @Test
  void aResumedRunContinuesToTheSameBits() throws IOException {
    TrainConfig whole = TrainFixture.train(data, 2, 3, 6, Window.ROUND);
    Training.Result straight = train("straight", whole, false);
    Training.Result firstPart = train("parts", whole, false);
    // Forget the last rounds, as if the run had been killed after its second checkpoint.
    delete(directory.resolve("parts/checkpoints/round-000006"));
    Training.Result resumed = train("parts", whole, true);
    assertThat(firstPart.trained()).isTrue();
    assertThat(values(resumed)).isEqualTo(values(straight));
    assertThat(resumed.history()).hasSize(6);
    assertThat(resumed.history().get(5).loss()).isEqualTo(straight.history().get(5).loss());
  }

  @Test
  void aRunMayGoOnWithAnotherNumberOfWorkers() throws IOException {
    TrainConfig two = TrainFixture.train(data, 2, 3, 2, Window.ROUND);
    train("grows", two, false);
    TrainConfig three = TrainFixture.train(data, 3, 3, 4, Window.ROUND);
    Training.Result result = train("grows", three, true);
    Checkpoint.Header header = Checkpoint.read(run("grows"), result.checkpoint()).header();
    assertThat(header.position()).isEqualTo(2L * 2 * 3 * 4 + 2L * 3 * 3 * 4);
    assertThat(header.step()).isEqualTo(12);
  }

  /** The same 4 rounds, the last two in double: as near as float keeps two rounds of AdamW. */
  @Test
  void aRunMayGoOnWithAnotherBackend() throws IOException {
    TrainConfig config = TrainFixture.train(data, 2, 3, 4, Window.ROUND);
    Training.Result straight = train("straight-cpu", config, false);
    train("other-backend", config, false);
    delete(directory.resolve("other-backend/checkpoints/round-000004"));
    EngineConfig engine = new EngineConfig(EngineConfig.Backend.REFERENCE, Precision.DOUBLE);
    Training.Result result = train("other-backend", engine, config, TrainFixture.model(), true);
    assertThat(result.trained()).isTrue();
    for (int round = 2; round < 4; round++) {
      double loss = result.history().get(round).loss();
      assertThat(loss).isCloseTo(straight.history().get(round).loss(), within(1e-4));
      assertThat(loss).isNotEqualTo(straight.history().get(round).loss());
    }
  }

  @Test
  void trainingLearnsAndWritesItsTables() throws IOException {
    TrainConfig config = TrainFixture.train(data, 2, 10, 8, Window.ROUND);
    List<RoundMetrics> history = train("learns", config, false).history();
    assertThat(history.get(0).loss()).isLessThan(Math.log(TrainFixture.VOCABULARY) + 0.2);
    assertThat(history.get(7).loss()).isLessThan(history.get(0).loss() - 0.5);

    String tables = run("learns").tables();
    Row last =
        TrainFixture.spark()
            .read()
            .parquet(tables + "/train_metrics")
            .where("round = 8 and run = 'learns'")
            .first();
    assertThat(last.<Double>getAs("loss")).isEqualTo(history.get(7).loss());
    assertThat(last.<Long>getAs("tokens")).isEqualTo(2L * 10 * 4 * TrainFixture.LENGTH);
    Row load =
        TrainFixture.spark()
            .read()
            .parquet(tables + "/train_expert_load")
            .where("round = 8")
            .selectExpr("sum(tokens)", "sum(share)", "count(*)")
            .first();
    assertThat(load.getLong(0)).isEqualTo(2L * 10 * 4 * TrainFixture.LENGTH * 2 * 2);
    assertThat(load.getDouble(1)).isCloseTo(2.0, org.assertj.core.api.Assertions.within(1e-9));
    assertThat(load.getLong(2)).isEqualTo(8);
  }

  @Test
  void onlyTheNewestCheckpointsAreKept() throws IOException {
    train("keeps", TrainFixture.train(data, 1, 1, 9, Window.MICRO_BATCH), false);
    assertThat(run("keeps").checkpoints().stream().map(p -> p.getName()))
        .containsExactly("round-000006", "round-000008", "round-000009");
  }

  @Test
  void aFinishedRunIsLeftAloneAndAnExistingOneNeedsResume() throws IOException {
    TrainConfig config = TrainFixture.train(data, 1, 1, 2, Window.MICRO_BATCH);
    train("done", config, false);
    assertThat(train("done", config, true).trained()).isFalse();
    assertThatThrownBy(() -> train("done", config, false))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("has a checkpoint (round-000002) already, and --fresh");
  }

  @Test
  void aRunIsNotContinuedWithAnotherBalance() throws IOException {
    train("fixed", TrainFixture.train(data, 1, 1, 2, Window.MICRO_BATCH), false);
    TrainConfig other = TrainFixture.train(data, 2, 1, 4, Window.ROUND);
    assertThatThrownBy(() -> train("fixed", other, true))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("train.balance.window was micro-batch, is round since the checkpoint")
        .hasMessageContaining("choose another run.id");
  }

  @Test
  void aTruncatedCheckpointIsRefusedByNameAndTheOneBeforeIsOffered() throws IOException {
    TrainConfig config = TrainFixture.train(data, 1, 1, 4, Window.MICRO_BATCH);
    train("cut", config, false);
    Path file = directory.resolve("cut/checkpoints/round-000004/model.safetensors");
    try (RandomAccessFile random = new RandomAccessFile(file.toFile(), "rw")) {
      random.setLength(random.length() - 100);
    }
    byte[] before = Files.readAllBytes(file);
    TrainConfig longer = TrainFixture.train(data, 1, 1, 6, Window.MICRO_BATCH);
    assertThatThrownBy(() -> train("cut", longer, true))
        .isInstanceOf(CorruptCheckpointException.class)
        .hasMessageContaining("round-000004: model.safetensors has ")
        .hasMessageContaining("remove the directory to go on from round-000002");
    assertThat(Files.readAllBytes(file)).isEqualTo(before);
  }

  @Test
  void anAlteredCheckpointIsRefused() throws IOException {
    TrainConfig config = TrainFixture.train(data, 1, 1, 2, Window.MICRO_BATCH);
    train("flipped", config, false);
    Path file = directory.resolve("flipped/checkpoints/round-000002/first_moment.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 5] ^= 1;
    Files.write(file, bytes);
    assertThatThrownBy(() -> train("flipped", config, true))
        .isInstanceOf(CorruptCheckpointException.class)
        .hasMessageContaining("first_moment.safetensors does not have the SHA-256")
        .hasMessageContaining("there is no checkpoint before it");
  }

  @Test
  void aModelThatDoesNotFitIsRefusedBeforeTraining() {
    TrainConfig config = TrainFixture.train(data, 1, 1, 2, Window.MICRO_BATCH);
    ModelConfig m = TrainFixture.model();
    ModelConfig wrong =
        new ModelConfig(
            299, 16, 2, 2, 1, 8, 4, 2, 16, m.sequenceLength(), true, 10_000, 1e-6, 0.05);
    assertThatThrownBy(() -> train("wrong", config, wrong, false))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("a vocabulary of 300, model.vocabSize is 299");
    assertThat(directory.resolve("wrong/checkpoints")).doesNotExist();
  }

  @Test
  void parametersThatAreNotFiniteEndTheRunAndTheCheckpointStays() throws IOException {
    Training.Result good = train("bursts", TrainFixture.train(data, 1, 1, 2, Window.ROUND), false);
    RunDirectory run = run("bursts");
    Checkpoint.Loaded loaded = Checkpoint.read(run, good.checkpoint());
    int head = Parameters.layout(TrainFixture.model()).slice(Parameters.HEAD).offset();
    loaded.state().values()[head] = Float.NaN;
    Checkpoint.write(run, loaded.header(), loaded.state(), loaded.history());
    TrainConfig longer = TrainFixture.train(data, 1, 1, 4, Window.ROUND);
    assertThatThrownBy(() -> train("bursts", longer, true))
        .isInstanceOf(DivergedException.class)
        .hasMessage(
            "round 3, worker 0, step 3: the loss is NaN, also when the round was run once more; the"
                + " checkpoint round-000002 is kept, try a lower train.optimizer.learningRate");
    assertThat(run.newestCheckpoint().orElseThrow().getName()).isEqualTo("round-000002");
  }

  @Test
  void aCheckpointOfAnotherVersionIsRefusedByName() throws IOException {
    TrainConfig config = TrainFixture.train(data, 1, 1, 2, Window.ROUND);
    RunDirectory run = run("older");
    Checkpoint.Loaded loaded = Checkpoint.read(run, train("older", config, false).checkpoint());
    Checkpoint.Header h = loaded.header();
    Checkpoint.Header older =
        new Checkpoint.Header(
            1,
            h.round(),
            h.step(),
            h.position(),
            h.momentSteps(),
            h.model(),
            h.train(),
            h.tokenizerSha256(),
            h.frequencies(),
            h.validations());
    Checkpoint.write(run, older, loaded.state(), loaded.history());
    assertThatThrownBy(() -> train("older", config, true))
        .isInstanceOf(CorruptCheckpointException.class)
        .hasMessageMatching(
            ".*/round-000002: state.json has format version 1, this build reads \\d+; go on with the"
                + " build that wrote it, or choose another run.id");
  }

  @Test
  void anotherModelThanTheCheckpointsIsNamedByItsFirstKey() throws IOException {
    TrainConfig config = TrainFixture.train(data, 1, 1, 2, Window.ROUND);
    train("narrow", config, false);
    ModelConfig m = TrainFixture.model();
    ModelConfig wide =
        new ModelConfig(
            300, 32, 2, 2, 1, 8, 4, 2, 16, m.sequenceLength(), true, 10_000, 1e-6, 0.05);
    assertThatThrownBy(() -> train("narrow", config, wide, true))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("model.hiddenSize was 16, is 32 since the checkpoint round-000002");
  }

  private Training.Result train(String id, TrainConfig config, boolean resume) throws IOException {
    return train(id, config, TrainFixture.model(), resume);
  }

  private Training.Result train(String id, TrainConfig config, ModelConfig model, boolean resume)
      throws IOException {
    return train(id, TrainFixture.engine(), config, model, resume);
  }

  private Training.Result train(
      String id, EngineConfig engine, TrainConfig config, ModelConfig model, boolean resume)
      throws IOException {
    return new Training(
            TrainFixture.spark(), id, run(id), engine, model, config, TrainFixture.silent())
        .run(resume);
  }

  private RunDirectory run(String id) {
    return new RunDirectory(directory.resolve(id).toString(), new Configuration());
  }

  private float[] values(Training.Result result) throws IOException {
    RunDirectory run = run(result.checkpoint().getParent().getParent().getName());
    return Checkpoint.read(run, result.checkpoint()).state().values();
  }

  /** The same steps without Spark, rounds or averaging. */
  private static float[] plainTraining(TrainConfig config) throws IOException {
    Configuration hadoop = new Configuration();
    org.apache.hadoop.fs.Path split = new org.apache.hadoop.fs.Path(data, "train");
    ModelConfig m = TrainFixture.model();
    int length = m.sequenceLength();
    try (CpuKernels kernels = new CpuKernels(1);
        ShardReader shards = new ShardReader(split, ShardManifest.read(split, hadoop), hadoop)) {
      TransformerLm lm = TransformerLm.forTraining(kernels, m, 4);
      Parameters.initialize(lm.parameters(), m, kernels, config.seed());
      FrequencySync sync =
          FrequencySync.of(config, 0, GlobalFrequencies.none(), 0, CountExchange.alone());
      LocalTrainer trainer = new LocalTrainer(kernels, lm, config, sync, LocalCorrection.NONE);
      for (int step = 0; step < config.rounds(); step++) {
        int[][] arrays = new int[3][4 * length];
        for (int i = 0; i < 4; i++) {
          TokenSequence s = shards.get(4 * step + i);
          System.arraycopy(s.tokens(), 0, arrays[0], i * length, length);
          System.arraycopy(s.tokens(), 1, arrays[1], i * length, length);
          System.arraycopy(s.documentStart(), 0, arrays[2], i * length, length);
        }
        Batch batch = new Batch(4, length, arrays[0], arrays[1], arrays[2]);
        trainer.step(List.of(batch), step, step + 1);
      }
      float[] values = new float[lm.parameters().layout().size()];
      kernels.download(values, 0, lm.parameters().block(Role.VALUE));
      return values;
    }
  }

  private static void delete(Path path) throws IOException {
    try (var walk = Files.walk(path)) {
      for (Path p : walk.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(p);
      }
    }
  }
}
