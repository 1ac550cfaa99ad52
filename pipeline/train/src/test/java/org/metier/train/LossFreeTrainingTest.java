package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.kernel.RouterScoring.Activation;
import org.metier.engine.kernel.RouterScoring.BiasOn;
import org.metier.model.ModelConfig;
import org.metier.train.StrategyConfig.Kind;
import org.metier.train.StrategyConfig.Update;
import org.metier.train.TrainConfig.Window;

/** Whole runs on real local Spark whose experts are balanced by a bias alone. */
@Timeout(300)
class LossFreeTrainingTest {
  private static final ModelConfig MODEL =
      TrainFixture.model().withRouter(new RouterScoring(Activation.SIGMOID, BiasOn.ACTIVATION));

  @TempDir static Path shared;
  @TempDir Path directory;
  private static String data;

  @BeforeAll
  static void prepare() {
    data = TrainFixture.prepared(shared);
  }

  @Test
  void theBiasIsSavedAndGoesOnToTheSameBits() throws IOException {
    TrainConfig config = config(Window.ROUND, 4);
    Training.Result straight = train("straight", config, false);
    Training.Result parts = train("parts", config, false);
    Checkpoint.Loaded whole = Checkpoint.read(run("straight"), straight.checkpoint());
    run("parts").files().delete(run("parts").checkpoint(4), true);
    Checkpoint.Loaded half = Checkpoint.read(run("parts"), run("parts").checkpoint(2));
    assertThat(half.state().frequencies().bias()).isNotEqualTo(new double[2][4]);
    Training.Result resumed = train("parts", config, true);
    assertThat(parts.trained()).isTrue();
    Checkpoint.Loaded end = Checkpoint.read(run("parts"), resumed.checkpoint());
    assertThat(end.state().frequencies().bias()).isDeepEqualTo(whole.state().frequencies().bias());
    assertThat(end.state().values()).isEqualTo(whole.state().values());
    evaluationUsesTheBias(config, whole);
    theTableTellsOfTheDual(straight);
  }

  /** A large bias towards experts 2 and 3 must show in what a held-out evaluation counts. */
  private void evaluationUsesTheBias(TrainConfig config, Checkpoint.Loaded checkpoint) {
    GlobalFrequencies f = checkpoint.header().frequencies();
    assertThat(firstExpertTokens(config, checkpoint)).isPositive();
    double[][] bias = {{0, 0, 5, 5}, {0, 0, 5, 5}};
    Checkpoint.Header h = checkpoint.header();
    Checkpoint.Header biased =
        new Checkpoint.Header(
            h.formatVersion(),
            h.round(),
            h.step(),
            h.position(),
            h.momentSteps(),
            h.model(),
            h.train(),
            h.tokenizerSha256(),
            new GlobalFrequencies(f.global(), f.own(), f.recent(), bias),
            h.validations());
    Checkpoint.Loaded moved =
        new Checkpoint.Loaded(biased, checkpoint.state(), checkpoint.history());
    assertThat(firstExpertTokens(config, moved)).isZero();
  }

  private static long firstExpertTokens(TrainConfig config, Checkpoint.Loaded checkpoint) {
    try (Evaluation evaluation =
        new Evaluation(
            TrainFixture.spark(),
            data,
            checkpoint,
            TrainFixture.engine(),
            config,
            40,
            done -> {})) {
      return evaluation.sequenceRouting().selectExpr("sum(expert_tokens[0])").first().getLong(0);
    }
  }

  private void theTableTellsOfTheDual(Training.Result result) {
    List<Row> rows =
        TrainFixture.spark()
            .read()
            .parquet(run("straight").tables() + "/train_metrics")
            .collectAsList();
    assertThat(rows).hasSize(result.history().size());
    for (Row row : rows) {
      double slack = 1e-9 * Math.abs(row.<Double>getAs("dual"));
      assertThat(row.<Double>getAs("dual_fall"))
          .isBetween(
              row.<Double>getAs("dual_fall_least") - slack,
              row.<Double>getAs("dual_fall_most") + slack);
      assertThat(row.<Long>getAs("dual_violations")).isZero();
      assertThat(row.<Double>getAs("bias_largest")).isPositive();
      assertThat(row.<Double>getAs("strategy_loss")).isZero();
    }
  }

  /** The same text, parameters and steps: with the bias the load is evener than with nothing. */
  @Test
  void aBiasEvensOutTheLoad() throws IOException {
    double without =
        load(train("none", config(BalanceFixture.of(Window.STEP, Kind.NONE), 12), false));
    double exact = load(train("exact", config(Window.STEP, 12), false));
    double drift = load(train("drift", config(Window.ROUND, 12), false));
    assertThat(exact).isLessThan(without / 2);
    assertThat(drift).isLessThan(without / 2);
  }

  /** MaxVio of the counts of each of the last rounds. */
  private static double load(Training.Result result) {
    return result.history().subList(8, 12).stream()
        .mapToDouble(RoundMetrics::globalMaxViolation)
        .average()
        .orElseThrow();
  }

  private static TrainConfig config(Window window, int rounds) {
    return config(BalanceFixture.lossFree(window, Update.STEP), rounds);
  }

  private static TrainConfig config(TrainConfig.Balance balance, int rounds) {
    return TrainFixture.train(data, 2, 5, rounds, 1, balance);
  }

  private Training.Result train(String id, TrainConfig config, boolean resume) throws IOException {
    return new Training(
            TrainFixture.spark(),
            id,
            run(id),
            TrainFixture.engine(),
            MODEL,
            config,
            TrainFixture.silent())
        .run(resume);
  }

  private RunDirectory run(String id) {
    return new RunDirectory(directory.resolve(id).toString(), new Configuration());
  }
}
