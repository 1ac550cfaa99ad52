package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.SerializableConfiguration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.Device;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.NotFiniteException;
import org.metier.engine.tensor.Tensor;
import org.metier.model.Parameters;
import org.metier.prep.shard.ShardManifest;
import org.metier.train.AveragingConfig.Outer;
import org.metier.train.TrainConfig.Moments;
import org.metier.train.TrainConfig.Window;

/** NaN and Inf on real local Spark: refused, run once more, and then the end. */
@Timeout(600) // a hang, and not a busy machine
class FiniteGuardTest {
  @TempDir static Path shared;
  @TempDir Path directory;
  private static String data;

  @BeforeAll
  static void prepare() {
    data = TrainFixture.prepared(shared);
  }

  @Test
  void theFirstNumberThatIsNotFiniteIsTheReason() {
    FiniteGuard guard = new FiniteGuard();
    guard.check(4, "the loss", 2.5);
    assertThat(guard.refused()).isFalse();
    guard.check(5, "the loss", Double.NaN);
    guard.check(5, "the norm of the gradient", Double.POSITIVE_INFINITY);
    assertThat(guard.refusal()).isEqualTo("step 6: the loss is NaN");
  }

  @Test
  void aKernelThatGivesUpOnItsNumbersIsARefusalAndAnythingElseIsNot() {
    FiniteGuard guard = new FiniteGuard();
    assertThatThrownBy(
            () ->
                guard.run(
                    0,
                    () -> {
                      throw new IllegalStateException("a bug");
                    }))
        .hasMessage("a bug");
    assertThat(guard.refused()).isFalse();
    guard.run(
        0,
        () -> {
          throw new IllegalStateException("a thread failed", new NotFiniteException("no numbers"));
        });
    assertThat(guard.refusal()).isEqualTo("step 1: no numbers");
  }

  @Test
  void anArrayIsFiniteUnlessOneNumberIsNot() {
    assertThat(FiniteGuard.allFinite(new float[] {0, -Float.MAX_VALUE, 1e-40f})).isTrue();
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      assertThat(FiniteGuard.allFinite(new float[] {1, bad, 2})).isFalse();
    }
  }

  /** A second attempt, or a duplicate, must not hide that a first one had nothing to give. */
  @Test
  void aRefusalOutlivesOtherReportsOfItsWorker() {
    WorkerReport good = report("");
    WorkerReport refusal = report("step 1: the loss is NaN");
    for (List<WorkerReport> order : List.of(List.of(good, refusal), List.of(refusal, good))) {
      RoundReports added = new RoundReports(3);
      RoundReports merged = new RoundReports(3);
      for (WorkerReport report : order) {
        added.add(report);
        RoundReports one = new RoundReports(3);
        one.add(report);
        merged.merge(one);
      }
      assertThat(added.value().get(1).refused()).isTrue();
      assertThat(merged.value().get(1).refused()).isTrue();
    }
  }

  private static WorkerReport report(String refusal) {
    WorkerReport r = TrainFixture.report(3, 1, new long[][] {{1}});
    return new WorkerReport(
        r.round(),
        r.worker(),
        r.tokens(),
        r.lossSum(),
        r.balanceLoss(),
        r.zLoss(),
        r.gradientNorm(),
        r.batchMaxViolation(),
        r.counts(),
        r.stepCounts(),
        r.recentCounts(),
        r.gateMass(),
        r.work(),
        refusal,
        r.computeSeconds(),
        r.balancing());
  }

  /**
   * One cross-entropy of one worker comes out as NaN, or one gradient, or an update overflows. The
   * round is run again and leaves every block as if nothing had been, those that workers keep
   * included.
   *
   * @param after calls of the op that go well
   */
  @ParameterizedTest
  @CsvSource({
    "loss, 0, MEAN, AVERAGE, ROUND",
    "gradient, 1, MEAN, KEEP, ROUND",
    "loss, 2, FEDSPEED, KEEP, STEP",
    "parameter, 0, DILOCO, KEEP, STEP",
    "parameter, 2, MEAN, AVERAGE, STEP"
  })
  void aFaultThatPassesChangesNoBit(
      String what, int after, Outer outer, Moments moments, Window window) throws IOException {
    TrainConfig config =
        TrainFixture.train(data, 2, 2, 3, window, moments, TrainFixture.averaging(outer));
    Outcome undisturbed = threeRounds(config, "nothing", 0);
    Outcome disturbed = threeRounds(config, what, after);
    assertThat(undisturbed.refusals()).isEmpty();
    assertThat(disturbed.refusals()).hasSize(1);
    String reason =
        switch (what + after) {
          case "loss0", "loss2" -> "the loss is NaN";
          case "gradient1" -> "the norm of the gradient is NaN";
          case "parameter0" -> "the router's logits are not numbers"; // in the step that follows
          default -> "the block value is infinite"; // no step follows
        };
    assertThat(disturbed.refusals().get(0)).matches("round 2, worker [01], step [34]: " + reason);
    assertThat(disturbed.blocks()).isEqualTo(undisturbed.blocks());
    assertThat(disturbed.kept()).isEqualTo(undisturbed.kept());
    assertThat(disturbed.kept().isEmpty()).isEqualTo(moments == Moments.AVERAGE);
  }

  /**
   * What three rounds left.
   *
   * @param blocks on the driver
   * @param kept SHA-256 of what each worker keeps
   */
  private record Outcome(
      List<String> refusals, Map<Block, List<Float>> blocks, Map<String, String> kept) {}

  private Outcome threeRounds(TrainConfig config, String fault, int after) throws IOException {
    Configuration hadoop = new Configuration();
    String split = data + "/train";
    TrainPlan plan =
        new TrainPlan(
            "guarded#" + UUID.randomUUID(),
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
    List<String> refusals = new ArrayList<>();
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(TrainFixture.spark().sparkContext());
    try (ParameterAveraging averaging = new ParameterAveraging(spark, plan, Optional.empty())) {
      for (int round = 0; round < 3; round++) {
        if (round == 1) {
          // In the second round one task finds a replica that breaks once.
          Replica.closeIdle(plan.key());
          new Replica(plan, Device.CPU, faulty(plan.kernels(), fault, new AtomicInteger(after)))
              .release();
        }
        ParameterAveraging.Round done = averaging.runRound(state);
        done.refusal().ifPresent(refusals::add);
        state = done.state();
      }
      Map<Block, List<Float>> blocks = new EnumMap<>(Block.class);
      state.blocks().forEach((block, numbers) -> blocks.put(block, boxed(numbers)));
      Map<String, String> kept = new TreeMap<>();
      Path files = directory.resolve(fault);
      averaging
          .resident()
          .write(new org.apache.hadoop.fs.Path(files.toString()))
          .forEach((name, entry) -> kept.put(name, entry.sha256()));
      return new Outcome(refusals, blocks, kept);
    }
  }

  private static List<Float> boxed(float[] numbers) {
    List<Float> list = new ArrayList<>(numbers.length);
    for (float number : numbers) {
      list.add(number);
    }
    return list;
  }

  /** Kernels of which one call leaves what is not finite, after so many that go well. */
  private static Kernels faulty(Kernels kernels, String fault, AtomicInteger after) {
    String breaking =
        Map.of("loss", "crossEntropyWithGradient", "gradient", "squaredNorm", "parameter", "adamW")
            .getOrDefault(fault, "none");
    InvocationHandler handler =
        (proxy, method, arguments) -> {
          Object result;
          try {
            result = method.invoke(kernels, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
          if (!method.getName().equals(breaking) || after.getAndDecrement() != 0) {
            return result;
          }
          switch (fault) {
            case "loss" -> ((double[]) arguments[0])[3] = Double.NaN;
            case "parameter" -> kernels.fill((Tensor) arguments[0], Double.POSITIVE_INFINITY);
            default -> {
              return Double.NaN;
            }
          }
          return result;
        };
    return (Kernels)
        Proxy.newProxyInstance(
            Kernels.class.getClassLoader(), new Class<?>[] {Kernels.class}, handler);
  }

  @ParameterizedTest
  @CsvSource({"1, ROUND, AVERAGE", "2, ROUND, KEEP", "2, STEP, KEEP"})
  void aLearningRateThatIsFarTooHighEndsTheRun(int workers, Window window, Moments moments)
      throws IOException {
    TrainConfig config = diverging(workers, 4, window, moments, 1e30);
    List<Path> before = files();
    assertThatThrownBy(() -> run("burst", config, false))
        .isInstanceOf(DivergedException.class)
        .hasMessageMatching(
            "round 1, worker [01], step [2-4]: the .* (is|are) .*, also when the round was run once"
                + " more; there is no checkpoint yet, try a lower train.optimizer.learningRate");
    assertThat(files()).as("nothing was written").isEqualTo(before);
  }

  /** The first update leaves huge numbers, but numbers: one good round, then one that is not. */
  @ParameterizedTest
  @CsvSource({"1, 1", "100, 1"})
  void theStateBeforeTheRoundIsKeptEvenIfNoCheckpointWasDue(int checkpointEvery, long kept)
      throws IOException {
    TrainConfig c = diverging(2, 1, Window.STEP, Moments.KEEP, 1e30);
    assertThatThrownBy(() -> run("late", TrainFixture.saved(c, 6, checkpointEvery, 3), false))
        .isInstanceOf(DivergedException.class)
        .hasMessageContaining("round 2, worker ")
        .hasMessageContaining("the checkpoint round-000001 is kept");
    RunDirectory run = directory("late");
    Checkpoint.Loaded last = Checkpoint.read(run, run.newestCheckpoint().orElseThrow());
    assertThat(last.header().round()).isEqualTo(kept);
    assertThat(last.history()).hasSize(1);
    assertThat(FiniteGuard.allFinite(last.state().values())).isTrue();
  }

  private static TrainConfig diverging(
      int workers, int localSteps, Window window, Moments moments, double learningRate) {
    TrainConfig c =
        TrainFixture.train(
            data, workers, localSteps, 6, window, moments, TrainFixture.averaging(Outer.MEAN));
    return TrainFixture.with(c, TrainFixture.optimizer(learningRate, 1.0, moments));
  }

  private Training.Result run(String id, TrainConfig config, boolean resume) throws IOException {
    return new Training(
            TrainFixture.spark(),
            id,
            directory(id),
            TrainFixture.engine(),
            TrainFixture.model(),
            config,
            TrainFixture.silent())
        .run(resume);
  }

  private RunDirectory directory(String id) {
    return new RunDirectory(directory.resolve(id).toString(), new Configuration());
  }

  private List<Path> files() throws IOException {
    try (var walk = Files.walk(directory)) {
      return walk.sorted(Comparator.naturalOrder()).toList();
    }
  }
}
