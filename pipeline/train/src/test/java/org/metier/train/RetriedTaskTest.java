package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.SerializableConfiguration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.model.Parameters;
import org.metier.prep.shard.ShardManifest;
import org.metier.train.AveragingConfig.Outer;
import org.metier.train.TrainConfig.Moments;
import org.metier.train.TrainConfig.Window;

/** A worker's task that fails in the middle of a round and runs again changes no bit. */
class RetriedTaskTest {
  @TempDir static Path shared;
  private static String data;

  /** Local files, but opening one in a task's first attempt fails as often as was asked for. */
  public static final class Flaky extends LocalFileSystem {
    static final AtomicInteger FAILURES = new AtomicInteger();

    public Flaky() {
      super(new RawLocalFileSystem());
    }

    @Override
    public FSDataInputStream open(org.apache.hadoop.fs.Path file, int bufferSize)
        throws IOException {
      TaskContext task = TaskContext.get();
      if (task != null && task.attemptNumber() == 0 && FAILURES.getAndDecrement() > 0) {
        throw new IOException("failed on purpose");
      }
      return super.open(file, bufferSize);
    }
  }

  @BeforeAll
  static void prepare() {
    data = TrainFixture.prepared(shared);
  }

  @ParameterizedTest
  @CsvSource({
    "MEAN, AVERAGE, ROUND",
    "DILOCO, KEEP, ROUND",
    "FEDSPEED, KEEP, ROUND",
    "MEAN, KEEP, STEP",
    "FEDSPEED, KEEP, STEP"
  })
  void changesNoBit(Outer outer, Moments moments, Window window) throws IOException {
    float[] undisturbed = threeRounds(outer, moments, window, 0);
    float[] disturbed = threeRounds(outer, moments, window, 1);
    assertThat(Flaky.FAILURES.get()).as("a task has failed").isLessThanOrEqualTo(0);
    assertThat(disturbed).isEqualTo(undisturbed);
  }

  private static float[] threeRounds(Outer outer, Moments moments, Window window, int failures)
      throws IOException {
    TrainConfig config =
        TrainFixture.train(data, 2, 2, 3, window, moments, TrainFixture.averaging(outer));
    Configuration hadoop = new Configuration();
    hadoop.set("fs.file.impl", Flaky.class.getName());
    hadoop.setBoolean("fs.file.impl.disable.cache", true);
    String split = data + "/train";
    TrainPlan plan =
        new TrainPlan(
            "retried#" + UUID.randomUUID(),
            TrainFixture.engine(),
            TrainFixture.model(),
            config,
            split,
            ShardManifest.read(new org.apache.hadoop.fs.Path(split), hadoop),
            new SerializableConfiguration(hadoop));
    float[] values = new float[(int) Parameters.total(TrainFixture.model())];
    for (int i = 0; i < values.length; i++) {
      values[i] = 0.05f * (float) Math.sin(i);
    }
    TrainState state = TrainState.initial(values, Block.Plan.of(config).ofState());
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(TrainFixture.spark().sparkContext());
    try (ParameterAveraging averaging = new ParameterAveraging(spark, plan, Optional.empty())) {
      for (int round = 0; round < 3; round++) {
        // Without warm replicas a task opens its shards in its first step, when its state is
        // loaded.
        Replica.closeIdle(plan.key());
        Flaky.FAILURES.set(round == 0 ? 0 : failures);
        state = averaging.runRound(state).state();
      }
    }
    return state.values();
  }
}
