package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.SerializableConfiguration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.prep.shard.ShardManifest;
import org.metier.train.AveragingConfig.Outer;
import org.metier.train.TrainConfig.Moments;
import org.metier.train.TrainConfig.Window;

/** What executors keep between rounds does not grow with the number of rounds. */
@Tag("slow")
class ExecutorMemoryTest {
  private static final int EARLY = 20;
  private static final int LATE = 200;

  @TempDir static Path shared;
  private static String data;

  @BeforeAll
  static void prepare() {
    data = TrainFixture.prepared(shared);
  }

  @Test
  void twoHundredRoundsTakeNoMoreMemoryThanTwenty() throws Exception {
    assertThat(growth(Moments.AVERAGE, Outer.MEAN)).isLessThan(tolerated());
  }

  @Test
  void norDoTheyWhereWorkersKeepTheirMomentsAndDuals() throws Exception {
    assertThat(growth(Moments.KEEP, Outer.FEDSPEED)).isLessThan(tolerated());
  }

  /**
   * Spark remembers its last thousand jobs, some 10 kB each. A round that left behind one worker's
   * copy of any block would add four times as much as this.
   */
  private static long tolerated() {
    return (LATE - EARLY) * Parameters.total(model()) * Float.BYTES / 4;
  }

  /**
   * Bytes of heap by which round 200 exceeds round 20, in the one process that holds everything.
   */
  private static long growth(Moments moments, Outer outer) throws Exception {
    TrainConfig config =
        TrainFixture.train(data, 2, 1, LATE, Window.ROUND, moments, TrainFixture.averaging(outer));
    Configuration hadoop = new Configuration();
    String split = data + "/train";
    TrainPlan plan =
        new TrainPlan(
            "memory#" + UUID.randomUUID(),
            TrainFixture.engine(),
            model(),
            config,
            split,
            ShardManifest.read(new org.apache.hadoop.fs.Path(split), hadoop),
            new SerializableConfiguration(hadoop));
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(TrainFixture.spark().sparkContext());
    TrainState state =
        TrainState.initial(
            new float[(int) Parameters.total(model())], Block.Plan.of(config).ofState());
    java.util.Arrays.fill(state.values(), 0.01f);
    long early = 0;
    try (ParameterAveraging averaging = new ParameterAveraging(spark, plan, Optional.empty())) {
      while (state.round() < LATE) {
        state = averaging.runRound(state).state();
        if (state.round() == EARLY) {
          early = usedAfterCollection();
        }
      }
      return usedAfterCollection() - early;
    }
  }

  /** Collected twice, since what Spark cleans up after the first collection frees more. */
  private static long usedAfterCollection() throws InterruptedException {
    System.gc();
    Thread.sleep(300);
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  /** Wide enough for one block (0.3 MB) to stand out from Spark's own bookkeeping. */
  private static ModelConfig model() {
    return new ModelConfig(
        TrainFixture.VOCABULARY,
        48,
        2,
        2,
        1,
        8,
        8,
        2,
        32,
        TrainFixture.LENGTH,
        true,
        10_000,
        1e-6,
        0.05);
  }
}
