package org.metier.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.cpu.CpuKernels;
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

    /** Told before {@link #roundFinished} of the same round. */
    default void validated(Validation.Result validation) {}

    void roundFinished(RoundMetrics metrics);

    /** Something out of the ordinary that the user should read, in one line. */
    default void notice(String line) {}
  }

  /** What has been measured so far, and on which tokens. */
  private record History(
      ShardManifest manifest, List<RoundMetrics> rounds, List<Validation.Result> validations) {}

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
    StrategyConfig.checkFit(config.balance(), model);
    this.listener = listener;
  }

  /**
   * Trains up to the configured number of rounds, or to an early stop.
   *
   * @param resume go on from the newest checkpoint; without it, a run that has one is refused
   * @throws BadDataException if shards and model do not fit, or the run exists
   * @throws DivergedException if numbers that are not finite come twice from the same parameters;
   *     these are checkpointed before, where they were not
   * @throws RunStorageException if the run's directory cannot be written; what was committed stays
   */
  public Result run(boolean resume) throws IOException {
    if (StrategyConfig.needsLatencies(config.balance())) {
      return new Training(spark, runId, run, engine, model, withLatencies(), listener).run(resume);
    }
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    Path split = new Path(config.data(), "train");
    ShardManifest manifest = ShardManifest.read(split, hadoop);
    checkFit(manifest, split);
    History history = new History(manifest, new ArrayList<>(), new ArrayList<>());
    TrainState state = start(resume, history);
    if (finished(state, history)) {
      stop(state, history).ifPresent(listener::notice);
      return new Result(run.checkpoint(state.round()), false, history.rounds());
    }
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
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    Optional<Validation> validation =
        config.validateEvery() > 0 ? Optional.of(new Validation(context, plan)) : Optional.empty();
    allNullRouting().ifPresent(listener::notice);
    listener.started(state.round(), config);
    try (var averaging = new ParameterAveraging(context, plan, run.newestCheckpoint())) {
      while (!finished(state, history)) {
        state = round(averaging, validation, state, history);
      }
    } finally {
      validation.ifPresent(Validation::close);
    }
    stop(state, history).ifPresent(listener::notice);
    return new Result(run.checkpoint(state.round()), true, history.rounds());
  }

  /** The config with the latencies that the run has begun with; a run that begins measures them. */
  private TrainConfig withLatencies() throws IOException {
    Optional<Path> newest = run.newestCheckpoint();
    if (newest.isPresent()) {
      TrainConfig begun = Checkpoint.read(run, newest.get()).header().train();
      if (!begun.balance().latency().latencies().isEmpty()) {
        return config.withLatencies(begun.balance().latency().latencies());
      }
    }
    TrainConfig measured = ExpertLatencies.completed(engine, model, config);
    String latencies =
        measured.balance().latency().latencies().stream()
            .map(latency -> String.format(Locale.ROOT, "%.3f", latency))
            .collect(Collectors.joining(", "));
    listener.notice(
        "latency of each expert as measured, mean 1; every checkpoint keeps it: " + latencies);
    return measured;
  }

  /** A warning if the router may choose nothing but null experts for a token. */
  private Optional<String> allNullRouting() {
    return model.nullExperts() < model.topK()
        ? Optional.empty()
        : Optional.of(
            "model.topK (%d) does not exceed model.nullExperts (%d): a token may choose nulls alone,"
                    .formatted(model.topK(), model.nullExperts())
                + " and then passes by the layer");
  }

  private TrainState round(
      ParameterAveraging averaging,
      Optional<Validation> validation,
      TrainState before,
      History history)
      throws IOException {
    ParameterAveraging.Round round;
    try {
      round = averaging.runRound(before);
    } catch (DivergedException e) {
      throw withLastGood(e, before, averaging.resident(), history);
    }
    TrainState state = round.state();
    history.rounds().add(round.metrics());
    round.refusal().ifPresent(line -> listener.notice(line + "; run once more, it went well"));
    requireFinite(state);
    boolean best = false;
    if (validation.isPresent() && due(state, config.validateEvery())) {
      best = validate(validation.get(), state, history);
    }
    if (best || due(state, config.checkpointEvery()) || finished(state, history)) {
      commit(state, averaging.resident(), history);
    }
    listener.roundFinished(history.rounds().get(history.rounds().size() - 1));
    return state;
  }

  /** True every so many rounds, and after the last. */
  private boolean due(TrainState state, int every) {
    return state.round() % every == 0 || state.round() == config.rounds();
  }

  private boolean finished(TrainState state, History history) {
    return state.round() >= config.rounds() || stop(state, history).isPresent();
  }

  /** Why the run ends before its last round, if it does. */
  private Optional<String> stop(TrainState state, History history) {
    return state.round() >= config.rounds()
        ? Optional.empty()
        : config.earlyStop().reason(history.validations());
  }

  /** Returns whether there was no better loss before. */
  private boolean validate(Validation validation, TrainState state, History history)
      throws IOException {
    Validation.Result result = validation.of(state);
    history.validations().add(result);
    saving(state, () -> new TrainTables(spark, run).writeValidations(runId, history.validations()));
    listener.validated(result);
    return Validation.Result.best(history.validations()).equals(Optional.of(result));
  }

  private TrainState start(boolean resume, History history) throws IOException {
    var newest = run.newestCheckpoint();
    if (newest.isEmpty()) {
      return initial();
    }
    if (!resume) {
      throw new BadDataException(
          "%s: the run has a checkpoint (%s) already, and --fresh reuses nothing; leave it out to go on, or choose another run.id"
              .formatted(run.root(), newest.get().getName()));
    }
    Checkpoint.Loaded loaded = Checkpoint.read(run, newest.get());
    Checkpoint.Header header = loaded.header();
    TrainConfig.firstChange("model.", header.model(), model)
        .or(() -> config.firstChangeFrom(header.train()))
        .ifPresent(
            change -> {
              throw new BadDataException(
                  "%s: %s since the checkpoint %s; choose another run.id"
                      .formatted(run.root(), change, newest.get().getName()));
            });
    if (!header.tokenizerSha256().equals(history.manifest().tokenizerSha256())) {
      throw new BadDataException(
          "%s: the checkpoint was trained with another tokenizer than that of %s"
              .formatted(newest.get(), config.data()));
    }
    history.rounds().addAll(loaded.history());
    history.validations().addAll(header.validations());
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
    // the same bits with any backend, and this one needs no GPU on the driver
    try (Kernels kernels = new CpuKernels(1)) {
      FlatParameters parameters = FlatParameters.forEvaluation(layout, kernels::allocate);
      Parameters.initialize(parameters, model, kernels, config.seed());
      kernels.download(values, 0, parameters.block(Role.VALUE));
    }
    return TrainState.initial(values, Block.Plan.of(config).ofState());
  }

  /** Saves the state; then only the newest checkpoints and the best are left. */
  private void commit(TrainState state, ResidentBlocks resident, History history)
      throws IOException {
    long began = System.nanoTime();
    saving(
        state,
        () -> {
          write(state, resident, history);
          run.markBest(history.validations());
          Checkpoint.prune(
              run, config.keepCheckpoints(), run.bestCheckpoint(history.validations()));
          new TrainTables(spark, run).write(runId, history.rounds());
        });
    int last = history.rounds().size() - 1;
    double seconds = (System.nanoTime() - began) / 1e9;
    history.rounds().set(last, history.rounds().get(last).withCheckpoint(seconds));
  }

  private void write(TrainState state, ResidentBlocks resident, History history)
      throws IOException {
    Checkpoint.Header header =
        new Checkpoint.Header(
            Checkpoint.FORMAT_VERSION,
            state.round(),
            state.step(),
            state.position(),
            state.momentSteps(),
            model,
            config,
            history.manifest().tokenizerSha256(),
            state.frequencies(),
            history.validations());
    Checkpoint.write(run, header, state, resident::write, history.rounds());
  }

  /** Something that is written to the run's directory. */
  private interface Saving {
    void run() throws IOException;
  }

  private void saving(TrainState state, Saving work) throws IOException {
    try {
      work.run();
    } catch (Exception | FSError e) { // Spark's are checked, and not declared
      Optional<String> reason = RunStorageException.reason(e);
      if (reason.isEmpty()) {
        throw e;
      }
      throw new RunStorageException(
          "%s: round %d could not be saved: %s; %s"
              .formatted(
                  run.root(), state.round(), reason.get(), kept("mend that and start it again")),
          e);
    }
  }

  /** A mean of finite numbers is finite, but an outer optimiser may leave them. */
  private void requireFinite(TrainState state) {
    if (!FiniteGuard.allFinite(state.values())) {
      throw new DivergedException(
          "round %d: the averaged parameters are not finite; %s"
              .formatted(state.round(), kept("try a lower learning rate")));
    }
  }

  /** Saves the parameters from which the round diverged, unless they are saved or never trained. */
  private DivergedException withLastGood(
      DivergedException diverged, TrainState before, ResidentBlocks resident, History history)
      throws IOException {
    boolean saved =
        run.newestCheckpoint().map(RunDirectory::roundOf).equals(Optional.of(before.round()));
    if (before.round() > 0 && !saved) {
      try {
        saving(
            before,
            () -> {
              write(before, resident, history);
              new TrainTables(spark, run).write(runId, history.rounds());
            });
      } catch (RunStorageException e) {
        diverged.addSuppressed(e);
      }
    }
    String advice = kept("try a lower train.optimizer.learningRate");
    return new DivergedException(diverged.getMessage() + "; " + advice, diverged);
  }

  private String kept(String advice) {
    String newest;
    try {
      newest =
          run.newestCheckpoint()
              .map(checkpoint -> "the checkpoint " + checkpoint.getName() + " is kept")
              .orElse("there is no checkpoint yet");
    } catch (UncheckedIOException e) {
      newest = "its checkpoints cannot be read now";
    }
    return newest + ", " + advice;
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
