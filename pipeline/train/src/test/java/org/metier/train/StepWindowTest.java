package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.metier.engine.kernel.Precision;
import org.metier.prep.shard.ShardManifest;
import org.metier.train.EngineConfig.Backend;
import org.metier.train.TrainConfig.Accumulation;
import org.metier.train.TrainConfig.Balance;
import org.metier.train.TrainConfig.LayerReduction;
import org.metier.train.TrainConfig.Moments;
import org.metier.train.TrainConfig.Optimizer;
import org.metier.train.TrainConfig.Window;

/** The window {@code step} in whole runs on real local Spark. */
@Timeout(120)
class StepWindowTest {
  @TempDir static Path shared;
  @TempDir Path directory;
  private static String data;

  @BeforeAll
  static void prepare() {
    data = TrainFixture.prepared(shared);
    TrainFixture.spark()
        .sparkContext()
        .hadoopConfiguration()
        .set("fs.flaky.impl", FlakyFileSystem.class.getName());
  }

  /**
   * After one step from zero, Adam's first moment is (1 - beta1) times the gradient, and its mean
   * over the workers that of the global batch. In the double reference only the float32 in which
   * moments travel rounds: 2^-24 of numbers below 1.
   */
  @Test
  void twoWorkersHaveTheLossAndGradientOfOneThatAccumulates() throws IOException {
    Balance balance = balance(Window.STEP, Accumulation.EXACT, false, 0);
    Checkpoint.Loaded two = exact("two", reference(2, 1, balance));
    Checkpoint.Loaded one = exact("one", reference(1, 2, balance));
    RoundMetrics ofTwo = two.history().get(0);
    RoundMetrics ofOne = one.history().get(0);
    assertThat(ofTwo.loss()).isCloseTo(ofOne.loss(), within(1e-12));
    assertThat(ofTwo.balanceLoss()).isCloseTo(ofOne.balanceLoss(), within(1e-12));
    assertThat(ofTwo.expertTokens()).isDeepEqualTo(ofOne.expertTokens());
    assertThat(two.state().position()).isEqualTo(one.state().position());
    float[] gradient = one.state().blocks().get(Block.FIRST_MOMENT);
    assertThat(two.state().blocks().get(Block.FIRST_MOMENT))
        .containsExactly(gradient, within(1e-7f));
    assertThat(largest(gradient)).isGreaterThan(1e-3f);

    Checkpoint.Loaded micro =
        exact("micro", reference(2, 1, balance(Window.MICRO_BATCH, Accumulation.EXACT, false, 0)));
    assertThat(micro.history().get(0).balanceLoss()).isGreaterThan(ofTwo.balanceLoss() + 1e-4);
  }

  @Test
  void aRoundWhoseWorkerFailsInTheMiddleIsRetriedToTheSameBits() throws IOException {
    Balance balance = balance(Window.STEP, Accumulation.BUFFER, false, 0.1);
    Checkpoint.Loaded straight = train("straight", fast(2, 12, 2, 2, balance));
    // The second shard is first opened some steps into the round.
    FlakyFileSystem.fail(shard(1), 1);
    Checkpoint.Loaded retried = train("retried", on("flaky:" + data, fast(2, 12, 2, 2, balance)));
    assertThat(FlakyFileSystem.failuresLeft()).isZero();
    assertThat(retried.state().values()).isEqualTo(straight.state().values());
    assertThat(retried.state().frequencies().global())
        .isDeepEqualTo(straight.state().frequencies().global());
    assertThat(retried.history().get(1).loss()).isEqualTo(straight.history().get(1).loss());
  }

  @Test
  void aWorkerThatFailsForGoodEndsTheRunWithItsNameAndTheStep() throws IOException {
    Balance balance = balance(Window.STEP, Accumulation.EXACT, false, 0);
    String reason =
        "org.metier.prep.BadDataException: flaky:.* cannot be read: .*the disk has hiccups";
    // One worker comes to the second shard while the other waits for its counts ...
    FlakyFileSystem.fail(shard(1), 1_000);
    assertThatThrownBy(() -> train("lost", on("flaky:" + data, fast(2, 20, 1, 1, balance))))
        .isInstanceOf(LostWorkerException.class)
        .hasMessageMatching("round 1, step \\d\\d: worker [01] failed: " + reason);
    // ... and nobody comes beyond the first.
    FlakyFileSystem.fail(shard(0), 1_000);
    assertThatThrownBy(() -> train("never", on("flaky:" + data, fast(2, 2, 1, 1, balance))))
        .isInstanceOf(LostWorkerException.class)
        .hasMessageMatching("round 1, step 1: worker [01] failed: " + reason);
    FlakyFileSystem.fail("", 0);
  }

  @Test
  void moreWorkersThanSlotsAreRefusedBeforeAnythingStarts() {
    Balance balance = balance(Window.STEP, Accumulation.EXACT, false, 0);
    assertThatThrownBy(() -> train("many", fast(3, 1, 1, 1, balance)))
        .isInstanceOf(TooFewSlotsException.class)
        .hasMessage(
            "train.balance.window=step runs all workers at the same time: train.workers is 3,"
                + " local[2,4] has 2 task slots");
  }

  /** Spark's own accessor of a gang's task starts a timer that keeps a finished process alive. */
  @Test
  void aFinishedRunLeavesNoTimerThatHoldsTheProcess() throws IOException {
    train("leaves", fast(2, 1, 1, 1, balance(Window.STEP, Accumulation.EXACT, false, 0)));
    assertThat(Thread.getAllStackTraces().keySet())
        .noneMatch(thread -> !thread.isDaemon() && thread.getName().startsWith("Barrier task"));
  }

  @Test
  void theWindowCanChangeInMidRun() throws IOException {
    Balance micro = balance(Window.MICRO_BATCH, Accumulation.EXACT, false, 0);
    Balance changes =
        new Balance(
            Window.MICRO_BATCH,
            0.02,
            LayerReduction.MEAN,
            3,
            Accumulation.EXACT,
            false,
            0,
            1,
            Window.STEP,
            1e-4);
    List<RoundMetrics> before = train("stays", fast(2, 2, 1, 2, micro)).history();
    List<RoundMetrics> after = train("changes", fast(2, 2, 1, 2, changes)).history();
    assertThat(after.get(0).loss()).isEqualTo(before.get(0).loss());
    assertThat(after.get(0).balanceLoss()).isEqualTo(before.get(0).balanceLoss());
    assertThat(after.get(1).balanceLoss()).isLessThan(before.get(1).balanceLoss() - 1e-4);
  }

  @Test
  void aShuffledMicroBatchIsRepeatable() throws IOException {
    Balance shuffled = balance(Window.STEP, Accumulation.EXACT, true, 0);
    Checkpoint.Loaded first = train("shuffled", fast(2, 3, 1, 2, shuffled));
    Checkpoint.Loaded second = train("again", fast(2, 3, 1, 2, shuffled));
    assertThat(second.state().values()).isEqualTo(first.state().values());
    Checkpoint.Loaded step =
        train("all", fast(2, 3, 1, 2, balance(Window.STEP, Accumulation.EXACT, false, 0)));
    assertThat(step.state().values()).isNotEqualTo(first.state().values());
  }

  private static float largest(float[] values) {
    float largest = 0;
    for (float value : values) {
      largest = Math.max(largest, value);
    }
    return largest;
  }

  private Checkpoint.Loaded train(String id, TrainConfig config) throws IOException {
    return train(id, TrainFixture.engine(), config);
  }

  /** In double. */
  private Checkpoint.Loaded exact(String id, TrainConfig config) throws IOException {
    return train(id, new EngineConfig(Backend.REFERENCE, Precision.DOUBLE), config);
  }

  private Checkpoint.Loaded train(String id, EngineConfig engine, TrainConfig config)
      throws IOException {
    RunDirectory run = new RunDirectory(directory.resolve(id).toString(), new Configuration());
    Training training =
        new Training(
            TrainFixture.spark(),
            id,
            run,
            engine,
            TrainFixture.model(),
            config,
            TrainFixture.silent());
    return Checkpoint.read(run, training.run(false).checkpoint());
  }

  private static String shard(int number) throws IOException {
    org.apache.hadoop.fs.Path split = new org.apache.hadoop.fs.Path(data, "train");
    ShardManifest manifest = ShardManifest.read(split, new Configuration());
    assertThat(manifest.shards()).hasSizeGreaterThan(number);
    assertThat(manifest.shards().get(0).sequences()).isLessThan(2 * 12 * 2 * 4);
    return manifest.shards().get(number).file();
  }

  private static TrainConfig fast(
      int workers, int localSteps, int accumulation, int rounds, Balance balance) {
    return TrainFixture.train(data, workers, localSteps, rounds, accumulation, balance);
  }

  /** One round of one step, without clipping. */
  private static TrainConfig reference(int workers, int accumulation, Balance balance) {
    TrainConfig c = fast(workers, 1, accumulation, 1, balance);
    return new TrainConfig(
        c.data(),
        c.workerData(),
        c.workers(),
        c.threadsPerWorker(),
        c.localSteps(),
        c.batchSequences(),
        c.accumulationSteps(),
        c.rounds(),
        c.checkpointEvery(),
        c.keepCheckpoints(),
        c.sliceMegabytes(),
        c.exchangeTimeoutSeconds(),
        c.seed(),
        new Optimizer(3e-3, 4, 0.1, 0.9, 0.95, 1e-8, 0.1, 0, Moments.AVERAGE),
        c.balance(),
        c.averaging());
  }

  private static TrainConfig on(String data, TrainConfig c) {
    return TrainFixture.train(
        data, c.workers(), c.localSteps(), c.rounds(), c.accumulationSteps(), c.balance());
  }

  private static Balance balance(
      Window window, Accumulation accumulation, boolean shuffled, double share) {
    return new Balance(
        window, 0.02, LayerReduction.MEAN, 3, accumulation, shuffled, share, 0, window, 1e-4);
  }
}
