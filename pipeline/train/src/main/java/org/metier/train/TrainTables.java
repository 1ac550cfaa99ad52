package org.metier.train;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.metier.model.balance.Frequencies;

/**
 * {@code train_metrics} (a row per round), {@code train_expert_load} (a row per round, layer and
 * expert, null experts last, with the choices of it and how many of them a capacity dropped) and
 * {@code train_experts_per_token} (a row per round, layer and number of experts that computed a
 * token; choices of nulls and dropped ones do not count) as one Parquet file each per run, replaced
 * whole at every checkpoint, and {@code validation} (a row per validation and domain), replaced
 * whole at every validation: a reader always sees a complete table and never a forest of small
 * files.
 */
public final class TrainTables {
  private static final StructType METRICS =
      new StructType()
          .add("round", "long", false)
          .add("step", "long", false)
          .add("tokens", "long", false)
          .add("loss", "double", false)
          .add("balance_loss", "double", false)
          .add("z_loss", "double", false)
          .add("learning_rate", "double", false)
          .add("grad_norm", "double", false)
          .add("max_vio", "double", false)
          .add("max_vio_largest", "double", false)
          .add("max_vio_last", "double", false)
          .add("max_vio_step", "double", false)
          .add("max_vio_step_largest", "double", false)
          .add("max_vio_step_last", "double", false)
          .add("max_vio_global", "double", false)
          .add("tokens_per_second", "double", false)
          .add("seconds_broadcast", "double", false)
          .add("seconds_compute", "double", false)
          .add("seconds_reduce", "double", false)
          .add("seconds_checkpoint", "double", false)
          .add("experts_per_token", "double", false)
          .add("dropped_share", "double", false)
          .add("strategy_loss", "double", false)
          .add("bias_largest", "double", true)
          .add("dual", "double", true)
          .add("dual_fall", "double", true)
          .add("dual_fall_least", "double", true)
          .add("dual_fall_most", "double", true)
          .add("dual_moved", "double", true)
          .add("dual_violations", "long", true);

  private static final StructType LOAD =
      new StructType()
          .add("round", "long", false)
          .add("layer", "integer", false)
          .add("expert", "integer", false)
          .add("tokens", "long", false)
          .add("share", "double", false)
          .add("gate_mass", "double", false)
          .add("dropped", "long", false);

  private static final StructType EXPERTS_PER_TOKEN =
      new StructType()
          .add("round", "long", false)
          .add("layer", "integer", false)
          .add("experts", "integer", false)
          .add("tokens", "long", false);

  private static final StructType VALIDATION =
      new StructType()
          .add("round", "long", false)
          .add("step", "long", false)
          .add("domain", "string", false)
          .add("tokens", "long", false)
          .add("loss", "double", false);

  /** Columns of each table, without the partition's {@code run}. */
  public static Map<String, StructType> schemas() {
    return Map.of(
        "train_metrics", METRICS,
        "train_expert_load", LOAD,
        "train_experts_per_token", EXPERTS_PER_TOKEN,
        "validation", VALIDATION);
  }

  private final SparkSession spark;
  private final RunDirectory run;

  TrainTables(SparkSession spark, RunDirectory run) {
    this.spark = spark;
    this.run = run;
  }

  void write(String runId, List<RoundMetrics> history) throws IOException {
    spark.sparkContext().setJobDescription("metier training tables");
    List<Row> metrics = new ArrayList<>();
    List<Row> load = new ArrayList<>();
    List<Row> expertsPerToken = new ArrayList<>();
    for (RoundMetrics m : history) {
      metrics.add(metricsRow(m));
      for (int l = 0; l < m.expertTokens().length; l++) {
        loadRows(m, l, load);
        long[] tokens = m.work().tokensByExperts()[l];
        for (int experts = 0; experts < tokens.length; experts++) {
          expertsPerToken.add(RowFactory.create(m.round(), l, experts, tokens[experts]));
        }
      }
    }
    replace("train_metrics", runId, metrics, METRICS);
    replace("train_expert_load", runId, load, LOAD);
    replace("train_experts_per_token", runId, expertsPerToken, EXPERTS_PER_TOKEN);
  }

  private static void loadRows(RoundMetrics m, int l, List<Row> rows) {
    double[] share = Frequencies.of(m.expertTokens()[l]);
    int experts = m.gateMass()[l].length;
    for (int e = 0; e < share.length; e++) {
      boolean isNull = e >= experts;
      double gateMass = isNull ? 0 : m.gateMass()[l][e];
      long dropped = isNull ? 0 : m.work().dropped()[l][e];
      rows.add(
          RowFactory.create(m.round(), l, e, m.expertTokens()[l][e], share[e], gateMass, dropped));
    }
  }

  void writeValidations(String runId, List<Validation.Result> validations) throws IOException {
    spark.sparkContext().setJobDescription("metier validation table");
    List<Row> rows = new ArrayList<>();
    for (Validation.Result v : validations) {
      for (Validation.DomainLoss d : v.domains()) {
        rows.add(RowFactory.create(v.round(), v.step(), d.domain(), d.tokens(), d.loss()));
      }
    }
    replace("validation", runId, rows, VALIDATION);
  }

  private static Row metricsRow(RoundMetrics m) {
    MaxViolations.OverRound microBatch = m.violations().microBatch();
    MaxViolations.OverRound step = m.violations().step();
    return RowFactory.create(
        m.round(),
        m.step(),
        m.tokens(),
        m.loss(),
        m.balanceLoss(),
        m.zLoss(),
        m.learningRate(),
        m.gradientNorm(),
        m.maxViolation(),
        microBatch.largest(),
        microBatch.last(),
        step.mean(),
        step.largest(),
        step.last(),
        m.globalMaxViolation(),
        m.tokensPerSecond(),
        m.secondsBroadcast(),
        m.secondsCompute(),
        m.secondsReduce(),
        m.secondsCheckpoint(),
        m.work().expertsPerToken(),
        m.work().droppedShare(),
        m.balancing().loss(),
        m.balancing().biasLargest(),
        m.balancing().dual(),
        m.balancing().fall(),
        m.balancing().leastFall(),
        m.balancing().mostFall(),
        m.balancing().moved(),
        m.balancing().violations());
  }

  private void replace(String table, String runId, List<Row> rows, StructType schema)
      throws IOException {
    Path directory = new Path(run.tables(), table + "/run=" + runId);
    Path aside = run.aside(new Path(run.tables(), table));
    run.removeAsides(aside.getParent());
    spark
        .createDataFrame(rows, schema)
        .coalesce(1)
        .write()
        .mode("overwrite")
        .parquet(aside.toString());
    for (FileStatus file : run.files().listStatus(aside)) {
      if (file.getPath().getName().endsWith(".parquet")) {
        run.files().mkdirs(directory);
        run.replace(file.getPath(), new Path(directory, "part-00000.parquet"));
      }
    }
    run.files().delete(aside, true);
  }
}
