package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.engine.kernel.DropPolicy;
import org.metier.model.ModelConfig;
import org.metier.prep.BadDataException;
import org.metier.train.TrainConfig.Window;

/** Runs with null experts, a capacity and experts of two widths: bits, counts, tables, refusals. */
class SparseRoutingTest {
  private static final int EXPERTS = 4;
  private static final int NULLS = 3;
  private static final int TOP_K = 3;
  private static final long TOKENS_OF_ROUND = 2L * 3 * 4 * TrainFixture.LENGTH;

  @TempDir static Path shared;
  @TempDir Path directory;
  private static String data;

  private final List<String> notices = new ArrayList<>();

  @BeforeAll
  static void prepare() {
    data = TrainFixture.prepared(shared);
  }

  private static ModelConfig model(int nulls, double capacityFactor, Integer... widths) {
    ModelConfig m = TrainFixture.model();
    return new ModelConfig(
        m.vocabSize(),
        m.hiddenSize(),
        m.numLayers(),
        m.numHeads(),
        m.numKvHeads(),
        m.headDim(),
        EXPERTS,
        TOP_K,
        m.expertSize(),
        m.sequenceLength(),
        m.normalizeGates(),
        m.ropeTheta(),
        m.rmsEpsilon(),
        m.initStd(),
        m.router(),
        nulls,
        capacityFactor,
        DropPolicy.PROBABILITY,
        List.of(widths));
  }

  @Test
  void everyChoiceIsCountedOnceInTheTables() throws IOException {
    ModelConfig model = model(NULLS, 0.9, 8, 8, 24, 24);
    Training.Result result = train("sparse", model, false);
    assertThat(notices)
        .containsExactly(
            "model.topK (3) does not exceed model.nullExperts (3): a token may choose nulls alone,"
                + " and then passes by the layer");

    for (int layer = 0; layer < model.numLayers(); layer++) {
      String cell = "round = 4 and layer = " + layer;
      Row choices =
          table("train_expert_load")
              .where(cell)
              .selectExpr("sum(tokens)", "sum(share)", "count(*)", "sum(dropped)")
              .first();
      assertThat(choices.getLong(0)).isEqualTo(TOP_K * TOKENS_OF_ROUND);
      assertThat(choices.getDouble(1)).isCloseTo(1, within(1e-12));
      assertThat(choices.getLong(2)).isEqualTo(EXPERTS + NULLS);
      assertThat(choices.getLong(3)).as("dropped").isPositive();
      Row nulls =
          table("train_expert_load")
              .where(cell + " and expert >= " + EXPERTS)
              .selectExpr("sum(tokens)", "sum(gate_mass)", "sum(dropped)")
              .first();
      assertThat(nulls.getLong(0)).isPositive();
      assertThat(nulls.getDouble(1)).isZero();
      assertThat(nulls.getLong(2)).isZero();
      Row work =
          table("train_experts_per_token")
              .where(cell)
              .selectExpr("sum(tokens)", "sum(tokens * experts)", "count(*)")
              .first();
      assertThat(work.getLong(0)).isEqualTo(TOKENS_OF_ROUND);
      assertThat(work.getLong(1))
          .as("what experts computed: all choices but nulls and dropped ones")
          .isEqualTo(choices.getLong(0) - nulls.getLong(0) - choices.getLong(3));
      assertThat(work.getLong(2)).isEqualTo(TOP_K + 1);
    }
    RoundMetrics last = result.history().get(3);
    Row metrics = table("train_metrics").where("round = 4").first();
    assertThat(metrics.<Double>getAs("experts_per_token"))
        .isEqualTo(last.work().expertsPerToken())
        .isBetween(0.5, model.expertsPerToken() + 0.5);
    assertThat(metrics.<Double>getAs("dropped_share"))
        .isEqualTo(last.work().droppedShare())
        .isBetween(0.01, 0.5);
    assertThat(last.loss()).isLessThan(result.history().get(0).loss());
  }

  @Test
  void evaluationCountsDropsByExpertAndDomain() throws IOException {
    ModelConfig model = model(NULLS, 0.7);
    Training.Result result = train("evaluated", model, false);
    Checkpoint.Loaded checkpoint = Checkpoint.read(run("evaluated"), result.checkpoint());
    TrainConfig config = TrainFixture.train(data, 2, 3, 4, Window.ROUND);
    try (Evaluation evaluation =
        new Evaluation(
            TrainFixture.spark(),
            data,
            checkpoint,
            TrainFixture.engine(),
            config,
            16,
            sequences -> {})) {
      long dropped = 0;
      for (Row row : evaluation.sequenceRouting().collectAsList()) {
        List<Long> chosen = row.getList(row.fieldIndex("expert_tokens"));
        List<Double> gateMass = row.getList(row.fieldIndex("gate_mass"));
        List<Long> turnedAway = row.getList(row.fieldIndex("dropped"));
        long tokens = row.getAs("tokens");
        assertThat(chosen).hasSize(EXPERTS + NULLS);
        assertThat(turnedAway).hasSize(EXPERTS);
        assertThat(chosen.stream().mapToLong(Long::longValue).sum()).isEqualTo(TOP_K * tokens);
        for (int e = 0; e < EXPERTS; e++) {
          assertThat(turnedAway.get(e)).isBetween(0L, chosen.get(e));
          assertThat(gateMass.get(e)).isLessThanOrEqualTo(chosen.get(e) - turnedAway.get(e) + 1e-4);
          dropped += turnedAway.get(e);
        }
        for (int e = EXPERTS; e < EXPERTS + NULLS; e++) {
          assertThat(gateMass.get(e)).isZero();
        }
      }
      assertThat(dropped).isPositive();
    }
  }

  @Test
  void oneSeedGivesOneResult() throws IOException {
    ModelConfig model = model(NULLS, 0.9, 8, 8, 24, 24);
    float[] first = values(train("first", model, false));
    assertThat(values(train("second", model, false))).isEqualTo(first);
  }

  @Test
  void roomForEveryoneIsDropless() throws IOException {
    float[] dropless = values(train("dropless", model(0, 0), false));
    assertThat(values(train("ample", model(0, 1e6), false))).isEqualTo(dropless);
    assertThat(notices).isEmpty();
  }

  @Test
  void aRunGoesOnWithItsOwnNullsCapacityAndWidthsOnly() throws IOException {
    train("mine", model(NULLS, 0.9), false);
    assertRefused(model(NULLS + 1, 0.9), "model.nullExperts was 3, is 4");
    assertRefused(model(NULLS, 1.1), "model.capacityFactor was 0.9, is 1.1");
    assertRefused(model(NULLS, 0.9, 8, 8, 16, 16), "model.expertWidths was [], is [8, 8, 16, 16]");
    assertThat(train("mine", model(NULLS, 0.9), true).trained()).isFalse();
  }

  private void assertRefused(ModelConfig model, String change) {
    assertThatThrownBy(() -> train("mine", model, true))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining(change + " since the checkpoint round-000004");
  }

  private Training.Result train(String id, ModelConfig model, boolean resume) throws IOException {
    Training.TrainingListener listener =
        new Training.TrainingListener() {
          @Override
          public void started(long round, TrainConfig config) {}

          @Override
          public void roundFinished(RoundMetrics metrics) {}

          @Override
          public void notice(String line) {
            notices.add(line);
          }
        };
    TrainConfig config = TrainFixture.train(data, 2, 3, 4, Window.ROUND);
    return new Training(
            TrainFixture.spark(), id, run(id), TrainFixture.engine(), model, config, listener)
        .run(resume);
  }

  private Dataset<Row> table(String name) {
    return TrainFixture.spark().read().parquet(run("sparse").tables() + "/" + name);
  }

  private RunDirectory run(String id) {
    return new RunDirectory(directory.resolve(id).toString(), new Configuration());
  }

  private float[] values(Training.Result result) throws IOException {
    RunDirectory run = run(result.checkpoint().getParent().getParent().getName());
    return Checkpoint.read(run, result.checkpoint()).state().values();
  }
}
