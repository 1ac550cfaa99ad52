package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.util.SerializableConfiguration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.metier.prep.shard.ShardManifest;
import org.metier.train.TrainConfig.Window;

/** Validations while a run goes on, what they decide, and that they decide nothing else. */
@Timeout(600) // a hang, and not a busy machine
class ValidationTest {
  private static final EarlyStop NEVER = new EarlyStop(0, 0);

  @TempDir static Path shared;
  @TempDir Path directory;
  private static String data;

  @BeforeAll
  static void prepare() {
    data = TrainFixture.prepared(shared);
  }

  /** Takes down what a user is told, and looks at the table after each round. */
  private static final class Witness implements Training.TrainingListener {
    private final String table;
    private final List<Long> rows = new ArrayList<>();
    private final List<Double> losses = new ArrayList<>();
    private final List<String> notices = new ArrayList<>();

    Witness(RunDirectory run) {
      this.table = run.tables() + "/validation";
    }

    @Override
    public void started(long round, TrainConfig config) {}

    @Override
    public void validated(Validation.Result validation) {
      losses.add(validation.loss());
    }

    @Override
    public void roundFinished(RoundMetrics metrics) {
      rows.add(TrainFixture.spark().read().parquet(table).count());
    }

    @Override
    public void notice(String line) {
      notices.add(line);
    }
  }

  @Test
  void changesNoBitAndItsTableCanBeReadWhileTrainingRuns() throws IOException {
    TrainConfig plain = TrainFixture.train(data, 2, 2, 3, Window.ROUND);
    float[] without = values("without", train("without", plain, TrainFixture.silent(), false));
    Witness witness = new Witness(run("with"));
    TrainConfig validated = TrainFixture.validated(plain, 1, NEVER);
    Training.Result result = train("with", validated, witness, false);
    assertThat(values("with", result)).isEqualTo(without);
    assertThat(witness.rows).containsExactly(2L, 4L, 6L);
    assertThat(witness.losses).hasSize(3).doesNotHaveDuplicates();
    try (var files = Files.walk(directory.resolve("with/tables/validation"))) {
      assertThat(files.filter(Files::isRegularFile).map(f -> f.getFileName().toString()))
          .containsExactly("part-00000.parquet");
    }
    Row last =
        TrainFixture.spark()
            .read()
            .parquet(run("with").tables() + "/validation")
            .where("run = 'with' and round = 3 and step = 6")
            .selectExpr("sum(tokens * loss) / sum(tokens)", "sum(tokens)")
            .first();
    assertThat(last.getDouble(0)).isCloseTo(witness.losses.get(2), within(1e-12));
    assertThat(last.getLong(1)).isEqualTo(40L * TrainFixture.LENGTH);
  }

  /**
   * By the way that analysis takes: another model, other tasks, other sums. 1e-9: order of sums.
   */
  @Test
  void agreesWithTheEvaluationOfTheCheckpointByDomain() throws IOException {
    TrainConfig config =
        TrainFixture.validated(TrainFixture.train(data, 2, 2, 2, Window.ROUND), 5, NEVER);
    Training.Result result = train("agrees", config, TrainFixture.silent(), false);
    Checkpoint.Loaded loaded = Checkpoint.read(run("agrees"), result.checkpoint());
    List<Validation.Result> validations = loaded.header().validations();
    assertThat(validations).as("the last round is one").hasSize(1);
    try (Evaluation evaluation =
        new Evaluation(
            TrainFixture.spark(),
            data,
            loaded,
            TrainFixture.engine(),
            config,
            config.validationSequences(),
            done -> {})) {
      Dataset<Row> byDomain =
          evaluation.sequenceLoss().groupBy("domain").sum("tokens", "loss_sum").orderBy("domain");
      List<Row> expected = byDomain.collectAsList();
      List<Validation.DomainLoss> domains = validations.get(0).domains();
      assertThat(domains).hasSameSizeAs(expected);
      for (int d = 0; d < domains.size(); d++) {
        Row row = expected.get(d);
        assertThat(domains.get(d).domain()).isEqualTo(row.getString(0));
        assertThat(domains.get(d).tokens()).isEqualTo(row.getLong(1));
        assertThat(domains.get(d).loss())
            .isCloseTo(row.getDouble(2) / row.getLong(1), within(1e-9));
      }
    }
  }

  /** A corpus that has a validation split, and nothing in its held-out split. */
  @Test
  void looksAtTheValidationSplitIfThereIsOne() throws IOException {
    Path corpus = directory.resolve("three-splits");
    copy(Path.of(data), corpus);
    copy(corpus.resolve("held-out"), corpus.resolve("validation"));
    try (var files = Files.list(corpus.resolve("held-out"))) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    TrainPlan plan = plan(TrainFixture.train(corpus.toString(), 1, 1, 1, Window.ROUND));
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(TrainFixture.spark().sparkContext());
    try (Validation validation = new Validation(spark, plan)) {
      assertThat(validation).isNotNull();
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (var files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(from.relativize(file).toString()));
      }
    }
  }

  @Test
  void theNumberOfWorkersShowsInNoBit() throws IOException {
    TrainState state = null;
    List<Validation.Result> results = new ArrayList<>();
    for (int workers : new int[] {1, 3}) {
      TrainConfig config = TrainFixture.train(data, workers, 1, 1, Window.ROUND);
      TrainPlan plan = plan(config);
      if (state == null) {
        state =
            Checkpoint.read(run("w"), train("w", config, TrainFixture.silent(), false).checkpoint())
                .state();
      }
      JavaSparkContext spark =
          JavaSparkContext.fromSparkContext(TrainFixture.spark().sparkContext());
      try (Validation validation = new Validation(spark, plan)) {
        results.add(validation.of(state));
      } finally {
        Replica.closeIdle(plan.key());
      }
    }
    assertThat(results.get(1)).isEqualTo(results.get(0));
  }

  /** What was validated after the last checkpoint is validated again, to the same bits. */
  @Test
  void aResumedRunHasTheSameValidations() throws IOException {
    TrainConfig base = TrainFixture.train(data, 2, 1, 4, Window.ROUND);
    TrainConfig config = TrainFixture.saved(TrainFixture.validated(base, 1, NEVER), 4, 2, 9);
    Training.Result straight = train("killed", config, TrainFixture.silent(), false);
    RunDirectory run = run("killed");
    List<Validation.Result> expected =
        Checkpoint.read(run, straight.checkpoint()).header().validations();
    assertThat(expected).hasSize(4);
    for (org.apache.hadoop.fs.Path late : run.checkpoints().subList(2, run.checkpoints().size())) {
      run.files().delete(late, true); // as if the process had been killed in round 3
    }
    Training.Result resumed = train("killed", config, TrainFixture.silent(), true);
    assertThat(Checkpoint.read(run, resumed.checkpoint()).header().validations())
        .isEqualTo(expected);
  }

  @Test
  void anEarlyStopEndsTheRunAndResumingItIsNoWork() throws IOException {
    TrainConfig base = TrainFixture.train(data, 1, 1, 9, Window.ROUND);
    TrainConfig config = TrainFixture.validated(base, 1, new EarlyStop(2, 100));
    Witness witness = new Witness(run("stops"));
    Training.Result result = train("stops", config, witness, false);
    assertThat(result.trained()).isTrue();
    assertThat(result.history()).hasSize(3);
    assertThat(result.checkpoint().getName()).isEqualTo("round-000003");
    assertThat(witness.notices).hasSize(1);
    assertThat(witness.notices.get(0))
        .startsWith("stopped early after round 3: no validation since round 1 was below its loss")
        .endsWith("(2 in a row, train.earlyStop.patience is 2)");

    Witness again = new Witness(run("stops"));
    assertThat(train("stops", config, again, true).trained()).isFalse();
    assertThat(again.notices).isEqualTo(witness.notices);
    assertThat(again.rows).isEmpty();

    TrainConfig patient = TrainFixture.validated(base, 1, new EarlyStop(4, 100));
    assertThat(train("stops", patient, again, true).history()).hasSize(5);
  }

  @Test
  void patienceCountsValidationsInARowAndMinDeltaIsTheLeastGain() {
    assertThat(stops(new EarlyStop(2, 0), 5, 4, 4, 4)).isTrue();
    assertThat(stops(new EarlyStop(2, 0), 5, 4, 4.1)).isFalse();
    assertThat(stops(new EarlyStop(2, 0), 5, 6, 4, 6, 3.9)).isFalse();
    assertThat(stops(new EarlyStop(2, 0.5), 5, 4.8, 4.6)).isTrue();
    assertThat(stops(new EarlyStop(2, 0.5), 5, 4.8, 4.4)).isFalse();
    assertThat(stops(new EarlyStop(2, 0), 5, Double.NaN, Double.NaN)).isTrue();
    assertThat(stops(new EarlyStop(2, 0), Double.NaN, 5, 6)).isFalse();
    assertThat(stops(NEVER, 5, 6, 7, 8)).isFalse();
  }

  private static boolean stops(EarlyStop rule, double... losses) {
    return rule.reason(results(losses)).isPresent();
  }

  private static List<Validation.Result> results(double... losses) {
    List<Validation.Result> results = new ArrayList<>();
    for (double loss : losses) {
      int round = results.size() + 1;
      results.add(
          new Validation.Result(round, round, List.of(new Validation.DomainLoss("a", 10, loss))));
    }
    return results;
  }

  @Test
  void theBestIsTheLowestAndTheFirstOfEquals() {
    assertThat(Validation.Result.best(results(Double.NaN, 3, 2, 2, 4)).orElseThrow().round())
        .isEqualTo(3);
    assertThat(Validation.Result.best(List.of())).isEmpty();
  }

  /** The rate rises until the loss does, too: the best is none of the newest. */
  @Test
  void theBestCheckpointOutlivesRotation() throws IOException {
    TrainConfig base = TrainFixture.train(data, 1, 4, 8, Window.ROUND);
    OptimizerConfig o = base.optimizer();
    OptimizerConfig rise =
        new OptimizerConfig(
            1.0,
            32,
            1,
            o.beta1(),
            o.beta2(),
            o.epsilon(),
            0,
            1.0,
            o.moments(),
            o.schedule(),
            o.decayShare(),
            o.decayShape(),
            o.decayed());
    TrainConfig rising = TrainFixture.with(base, rise);
    TrainConfig config = TrainFixture.saved(TrainFixture.validated(rising, 1, NEVER), 8, 3, 1);
    Training.Result result = train("best", config, TrainFixture.silent(), false);
    RunDirectory run = run("best");
    List<Validation.Result> validations =
        Checkpoint.read(run, result.checkpoint()).header().validations();
    long best = Validation.Result.best(validations).orElseThrow().round();
    assertThat(best).isLessThan(8);
    String name = "round-00000" + best;
    assertThat(run.checkpoints().stream().map(p -> p.getName()))
        .containsExactly(name, "round-000008");
    assertThat(run.bestCheckpoint(validations).map(p -> p.getName())).isEqualTo(Optional.of(name));
    assertThat(run.readText("checkpoints/best.json").orElseThrow())
        .contains("\"checkpoint\" : \"" + name + "\"", "\"loss\" : ");
    Checkpoint.Loaded whole = Checkpoint.read(run, run.bestCheckpoint(validations).orElseThrow());
    assertThat(whole.header().validations()).hasSize((int) best);
  }

  private static TrainPlan plan(TrainConfig config) {
    Configuration hadoop = new Configuration();
    String split = data + "/train";
    return new TrainPlan(
        "validated#" + UUID.randomUUID(),
        TrainFixture.engine(),
        TrainFixture.model(),
        config,
        split,
        ShardManifest.read(new org.apache.hadoop.fs.Path(split), hadoop),
        new SerializableConfiguration(hadoop));
  }

  private Training.Result train(
      String id, TrainConfig config, Training.TrainingListener listener, boolean resume)
      throws IOException {
    return new Training(
            TrainFixture.spark(),
            id,
            run(id),
            TrainFixture.engine(),
            TrainFixture.model(),
            config,
            listener)
        .run(resume);
  }

  private RunDirectory run(String id) {
    return new RunDirectory(directory.resolve(id).toString(), new Configuration());
  }

  private float[] values(String id, Training.Result result) throws IOException {
    return Checkpoint.read(run(id), result.checkpoint()).state().values();
  }
}
