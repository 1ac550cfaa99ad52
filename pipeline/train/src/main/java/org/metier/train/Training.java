package org.metier.train;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.prep.BadDataException;
import org.metier.prep.shard.ShardManifest;

/** A training run: from initial values or a checkpoint, round by round, to the last checkpoint. */
public final class Training {
  private final SparkSession spark;
  private final String runId;
  private final RunDirectory run;
  private final EngineConfig engine;
  private final ModelConfig model;
  private final TrainConfig config;
  private final TrainingListener listener;

  /** Is told of what happens, for progress bars and logs. */
  public interface TrainingListener {
    /** Training starts or goes on after {@code round} finished rounds. */
    void started(long round, TrainConfig config);

    void roundFinished(RoundMetrics metrics);
  }

  /**
   * Result of {@link #run}.
   *
   * @param checkpoint the newest one
   * @param trained false if the run was complete already
   */
  public record Result(Path checkpoint, boolean trained, List<RoundMetrics> history) {}

  public Training(
      SparkSession spark,
      String runId,
      RunDirectory run,
      EngineConfig engine,
      ModelConfig model,
      TrainConfig config,
      TrainingListener listener) {
    this.spark = spark;
    this.runId = runId;
    this.run = run;
    this.engine = engine;
    this.model = model;
    this.config = config;
    this.listener = listener;
  }

  /**
   * Trains up to the configured number of rounds.
   *
   * @param resume go on from the newest checkpoint; without it, a run that has one is refused
   * @throws BadDataException if shards and model do not fit, or the run exists
   * @throws DivergedException if a loss is not finite; checkpoints stay as they are
   */
  public Result run(boolean resume) throws IOException {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    Path split = new Path(config.data(), "train");
    ShardManifest manifest = ShardManifest.read(split, hadoop);
    checkFit(manifest, split);
    List<RoundMetrics> history = new ArrayList<>();
    TrainState state = start(manifest, resume, history);
    if (state.round() >= config.rounds()) {
      return new Result(run.checkpoint(state.round()), false, history);
    }
    listener.started(state.round(), config);
    var configuration = new SerializableConfiguration(hadoop);
    TrainPlan plan =
        new TrainPlan(
            runId + "#" + UUID.randomUUID(),
            engine,
            model,
            config,
            split.toString(),
            manifest,
            configuration,
            domains(manifest, split, configuration));
    try (var averaging =
        new ParameterAveraging(
            JavaSparkContext.fromSparkContext(spark.sparkContext()),
            plan,
            run.newestCheckpoint())) {
      while (state.round() < config.rounds()) {
        ParameterAveraging.Round round = averaging.runRound(state);
        state = round.state();
        history.add(round.metrics());
        if (state.round() % config.checkpointEvery() == 0 || state.round() == config.rounds()) {
          commit(manifest, state, averaging.resident(), history);
        }
        listener.roundFinished(history.get(history.size() - 1));
      }
    }
    return new Result(run.checkpoint(state.round()), true, history);
  }

  private TrainState start(ShardManifest manifest, boolean resume, List<RoundMetrics> history)
      throws IOException {
    var newest = run.newestCheckpoint();
    if (newest.isEmpty()) {
      return initial();
    }
    if (!resume) {
      throw new BadDataException(
          "%s: the run has a checkpoint (%s) already; pass --resume to go on, or choose another run.id"
              .formatted(run.root(), newest.get().getName()));
    }
    Checkpoint.Loaded loaded = Checkpoint.read(run, newest.get());
    Checkpoint.Header header = loaded.header();
    if (!header.model().equals(model)) {
      throw new BadDataException(
          "%s: the checkpoint's model is %s, the config's is %s"
              .formatted(newest.get(), header.model(), model));
    }
    config
        .firstChangeFrom(header.train())
        .ifPresent(
            change -> {
              throw new BadDataException(
                  "%s: %s since the checkpoint %s; choose another run.id"
                      .formatted(run.root(), change, newest.get().getName()));
            });
    if (!header.tokenizerSha256().equals(manifest.tokenizerSha256())) {
      throw new BadDataException(
          "%s: the checkpoint was trained with another tokenizer than that of %s"
              .formatted(newest.get(), config.data()));
    }
    history.addAll(loaded.history());
    return loaded.state();
  }

  private DomainIndex domains(
      ShardManifest manifest, Path split, SerializableConfiguration hadoop) {
    return config.workerData() == TrainConfig.WorkerData.MIXTURE
        ? DomainIndex.none()
        : DomainIndex.read(
            JavaSparkContext.fromSparkContext(spark.sparkContext()),
            split.toString(),
            manifest,
            hadoop);
  }

  private TrainState initial() {
    ParameterLayout layout = Parameters.layout(model);
    float[] values = new float[layout.size()];
    try (Kernels kernels = engine.open(config.threadsPerWorker())) {
      FlatParameters parameters = FlatParameters.forEvaluation(layout, kernels::allocate);
      Parameters.initialize(parameters, model, kernels, config.seed());
      kernels.download(values, 0, parameters.block(Role.VALUE));
    }
    return TrainState.initial(values, Block.Plan.of(config).ofState());
  }

  private void commit(
      ShardManifest manifest, TrainState state, ResidentBlocks resident, List<RoundMetrics> history)
      throws IOException {
    long began = System.nanoTime();
    Checkpoint.Header header =
        new Checkpoint.Header(
            Checkpoint.FORMAT_VERSION,
            state.round(),
            state.step(),
            state.position(),
            state.momentSteps(),
            model,
            config,
            manifest.tokenizerSha256(),
            state.frequencies());
    Checkpoint.write(run, header, state, resident::write, history);
    Checkpoint.prune(run, config.keepCheckpoints());
    new TrainTables(spark, run).write(runId, history);
    int last = history.size() - 1;
    double seconds = (System.nanoTime() - began) / 1e9;
    history.set(last, history.get(last).withCheckpoint(seconds));
  }

  private void checkFit(ShardManifest manifest, Path split) {
    if (manifest.vocabSize() != model.vocabSize()) {
      throw new BadDataException(
          "%s: shards have a vocabulary of %d, model.vocabSize is %d"
              .formatted(split, manifest.vocabSize(), model.vocabSize()));
    }
    if (manifest.sequenceLength() != model.sequenceLength()) {
      throw new BadDataException(
          "%s: shards have sequences of %d tokens, model.sequenceLength is %d"
              .formatted(split, manifest.sequenceLength(), model.sequenceLength()));
    }
    if (manifest.sequences() < 1) {
      throw new BadDataException(split + ": there is not one training sequence");
    }
    if (config.workerData() == TrainConfig.WorkerData.DOMAINS) {
      DomainIndex.requireDomains(manifest, config.workers(), split.toString());
    }
  }
}
