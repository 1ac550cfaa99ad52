package org.metier.train;

import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.util.TaskCompletionListener;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.Parameters;
import org.metier.model.optim.LearningRateSchedule;
import org.metier.train.ParameterSlices.Slice;
import org.metier.train.SliceReduce.Contribution;
import scala.Tuple2;

/**
 * One round of local SGD on Spark: broadcast the parameters and the global expert frequencies, let
 * every worker take H steps on its stripe of the data, average what comes back slice by slice, have
 * the outer optimiser make the next parameters of it, and turn the accumulated expert counts into
 * the next round's frequencies.
 */
public final class ParameterAveraging implements AutoCloseable {
  private final JavaSparkContext spark;
  private final TrainPlan plan;
  private final Broadcast<TrainPlan> planBroadcast;
  private final ParameterSlices slices;
  private final ParameterSlices shared;
  private final ResidentBlocks resident;
  private final Reducer reducer;
  private final OuterOptimizer outer;
  private final LearningRateSchedule schedule;
  private final Optional<ResourceProfile> profile;
  private final Optional<ExchangeServer> exchangeServer;

  /**
   * A finished round.
   *
   * @param refusal why it had to be run twice, in one line
   */
  public record Round(TrainState state, RoundMetrics metrics, Optional<String> refusal) {}

  /**
   * @param checkpoint that the run goes on from, for what workers keep for themselves
   */
  ParameterAveraging(JavaSparkContext spark, TrainPlan plan, Optional<Path> checkpoint) {
    this.spark = spark;
    this.plan = plan;
    this.planBroadcast = spark.broadcast(plan);
    TrainConfig config = plan.train();
    ParameterLayout layout = Parameters.layout(plan.model());
    Block.Plan blocks = Block.Plan.of(config);
    this.slices =
        ParameterSlices.cut(
            blocks.ofWorker(),
            layout.size(),
            config.sliceMegabytes() << 20,
            Math.max(config.workers(), spark.defaultParallelism()));
    this.shared = slices.of(blocks.shared());
    List<Slice> kept = slices.of(blocks.resident()).slices();
    this.resident =
        new ResidentBlocks(
            spark, new WorkerFiles(layout, kept, plan.hadoop()), config.workers(), checkpoint);
    this.reducer = Reducer.of(config.averaging());
    this.outer = OuterOptimizer.of(config.averaging());
    this.schedule = config.schedule();
    this.profile = TaskDevice.profile(spark, plan.engine());
    this.exchangeServer = exchangeServer(spark, profile, config);
  }

  /** The window {@code step} needs all workers at once, now and not in the round that it begins. */
  private static Optional<ExchangeServer> exchangeServer(
      JavaSparkContext spark, Optional<ResourceProfile> profile, TrainConfig config) {
    if (!config.balance().everIs(TrainConfig.Window.STEP)) {
      return Optional.empty();
    }
    GangStage.requireSlots(spark, profile, config.workers(), config.exchangeTimeoutSeconds());
    return Optional.of(
        new ExchangeServer(
            spark.env().conf(),
            spark.env().securityManager(),
            config.workers(),
            config.exchangeTimeoutSeconds()));
  }

  /**
   * Runs the round after {@code state} and takes over its blocks: once all workers have finished
   * with finite numbers, the new ones are written over the old. Until then {@code state} stays as
   * it is.
   *
   * <p>If a worker refuses its update because a loss, a gradient or what it would send is NaN or
   * infinite, the round is run once more from the same parameters. Seed, data and arithmetic are
   * the same, so this helps against a fault that passes (memory, a broken read), and then the run
   * goes on to the bits that it would have had without; it cannot help against a learning rate that
   * is too high.
   *
   * @throws DivergedException if it refuses again
   * @throws LostWorkerException if workers wait for one that is gone, as often as Spark retries
   * @throws LostStateException if executors were lost with what only they held
   */
  public Round runRound(TrainState state) {
    try {
      return attempt(state, Optional.empty());
    } catch (RefusedUpdateException first) {
      return secondAttempt(state, first.getMessage());
    }
  }

  private Round secondAttempt(TrainState state, String refusal) {
    try {
      return attempt(state, Optional.of(refusal));
    } catch (RefusedUpdateException second) {
      throw new DivergedException(second.getMessage() + ", also when the round was run once more");
    }
  }

  private Round attempt(TrainState state, Optional<String> refusal) {
    TrainConfig config = plan.train();
    spark.setJobDescription("metier round " + (state.round() + 1) + "/" + config.rounds());
    RoundReports reports = new RoundReports(state.round());
    spark.sc().register(reports, "round " + state.round());

    long began = System.nanoTime();
    List<Broadcast<byte[]>> parameters = broadcast(spark, shared, state.blocks());
    Broadcast<RoundStart> start =
        spark.broadcast(
            new RoundStart(
                state.round(),
                state.step(),
                state.position(),
                state.momentSteps(),
                state.frequencies()));
    double broadcastSeconds = secondsSince(began);

    JavaPairRDD<Integer, Contribution> trained =
        localSteps(state.round(), parameters, start, reports);
    resident.hold(trained);
    AtomicBoolean begun = new AtomicBoolean();
    try {
      reducer.reduce(
          onlyShared(trained),
          shared,
          (slice, mean) -> {
            requireAll(reports, state.round(), begun.get());
            begun.set(true);
            advance(state.blocks(), slice, mean);
          });
      requireAll(reports, state.round(), begun.get()); // if nobody sent a slice
      resident.replaceBy(trained);
      requireAll(reports, state.round(), begun.get()); // if blocks were lost and made again
    } catch (RefusedUpdateException | LostStateException e) {
      throw e;
    } catch (Exception e) { // Spark's are checked, and not declared
      Optional<String> lostWorker = exchangeServer.flatMap(ExchangeServer::failure);
      if (lostWorker.isPresent()) {
        throw new LostWorkerException(
            "round %d, %s".formatted(state.round() + 1, lostWorker.get()), e);
      }
      Optional<LostStateException> lostState = ResidentBlocks.lost(e, state.round());
      if (lostState.isPresent()) {
        throw lostState.get();
      }
      throw e;
    } finally {
      resident.forget(trained);
      start.destroy();
      parameters.forEach(Broadcast::destroy);
    }

    Collection<WorkerReport> byWorker = reports.value().values();
    TrainState next = next(state, byWorker);
    double total = secondsSince(began);
    double compute = byWorker.stream().mapToDouble(WorkerReport::computeSeconds).max().orElse(0);
    RoundMetrics.Phases seconds =
        new RoundMetrics.Phases(
            broadcastSeconds, compute, Math.max(0, total - broadcastSeconds - compute));
    double learningRate = schedule.at(next.step() - 1);
    return new Round(next, RoundMetrics.of(next, byWorker, learningRate, seconds), refusal);
  }

  /** What workers keep for themselves, as of the last round. */
  ResidentBlocks resident() {
    return resident;
  }

  /** Sends slices of the blocks to whoever asks, several at a time; in the order of the slices. */
  static List<Broadcast<byte[]>> broadcast(
      JavaSparkContext spark, ParameterSlices slices, Map<Block, float[]> blocks) {
    return slices.slices().parallelStream()
        .map(
            slice ->
                spark.broadcast(
                    ParameterSlices.encode(blocks.get(slice.block()), slice.from(), slice.count())))
        .toList();
  }

  /** The stage of W tasks: (slice, contribution) of every slice and worker. */
  private JavaPairRDD<Integer, Contribution> localSteps(
      long round,
      List<Broadcast<byte[]>> parameters,
      Broadcast<RoundStart> start,
      RoundReports reports) {
    Broadcast<TrainPlan> planOnWorker = planBroadcast;
    ParameterSlices cut = slices;
    boolean gang = plan.train().balance().windowOf(round) == TrainConfig.Window.STEP;
    CountExchange.Opener exchange = gang ? opener() : worker -> CountExchange.alone();
    Function2<
            Integer,
            Iterator<Tuple2<Integer, Contribution>>,
            Iterator<Tuple2<Integer, Contribution>>>
        train =
            (worker, kept) ->
                trainOnce(
                    planOnWorker.value(), cut, parameters, kept, start, reports, exchange, worker);
    JavaRDD<Tuple2<Integer, Contribution>> trained =
        gang
            ? GangStage.mapPartitionsWithIndex(resident.held(), train)
            : resident.held().mapPartitionsWithIndex(train, true);
    return JavaPairRDD.fromJavaRDD(profile.map(trained::withResources).orElse(trained));
  }

  private CountExchange.Opener opener() {
    ExchangeServer.Address driver = exchangeServer.orElseThrow().address();
    return worker -> TransportExchange.ofTask(driver, worker);
  }

  private static Iterator<Tuple2<Integer, Contribution>> trainOnce(
      TrainPlan plan,
      ParameterSlices cut,
      List<Broadcast<byte[]>> parameters,
      Iterator<Tuple2<Integer, Contribution>> kept,
      Broadcast<RoundStart> start,
      RoundReports reports,
      CountExchange.Opener opener,
      int worker) {
    Replica replica = Replica.acquire(plan);
    // Slices are read off as the shuffle asks for them, so that no second copy lies in the heap.
    TaskContext.get().addTaskCompletionListener((TaskCompletionListener) task -> replica.release());
    replica.clear();
    for (int id = 0; id < parameters.size(); id++) {
      replica.write(cut.get(id), parameters.get(id).value());
    }
    kept.forEachRemaining(slice -> replica.write(cut.get(slice._1()), slice._2().data()));
    WorkerReport report = train(replica, start.value(), worker, opener);
    reports.add(report);
    if (report.refused()) {
      return Collections.emptyIterator();
    }
    Iterator<Slice> slices = cut.slices().iterator();
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return slices.hasNext();
      }

      @Override
      public Tuple2<Integer, Contribution> next() {
        Slice slice = slices.next();
        byte[] data = replica.read(slice);
        return new Tuple2<>(slice.id(), new Contribution(worker, report.tokens(), data));
      }
    };
  }

  private static WorkerReport train(
      Replica replica, RoundStart start, int worker, CountExchange.Opener opener) {
    try (CountExchange exchange = opener.open(worker)) {
      return replica.train(start, worker, exchange);
    }
  }

  private JavaPairRDD<Integer, Contribution> onlyShared(
      JavaPairRDD<Integer, Contribution> trained) {
    int end = shared.size();
    return end == slices.size() ? trained : trained.filter(slice -> slice._1() < end);
  }

  private void advance(Map<Block, float[]> blocks, Slice slice, float[] mean) {
    float[] block = blocks.get(slice.block());
    if (slice.block() == Block.VALUE) {
      outer.step(block, mean, blocks, slice.from());
    } else {
      System.arraycopy(mean, 0, block, slice.from(), mean.length);
    }
  }

  private TrainState next(TrainState state, Collection<WorkerReport> reports) {
    TrainConfig config = plan.train();
    boolean reset = config.optimizer().moments() == TrainConfig.Moments.RESET;
    int steps = config.localStepsOf(state.round());
    return new TrainState(
        state.round() + 1,
        state.step() + steps,
        state.position() + (long) steps * config.sequencesOfStep(),
        reset ? 0 : state.momentSteps() + steps,
        state.blocks(),
        GlobalFrequencies.of(reports));
  }

  /**
   * Ends the attempt if a worker refuses its update.
   *
   * @param begun whether the state has been written to: then nothing can be run again from it
   */
  private static void requireAll(RoundReports reports, long round, boolean begun) {
    for (WorkerReport report : reports.value().values()) {
      if (report.refused()) {
        String line =
            "round %d, worker %d, %s".formatted(round + 1, report.worker(), report.refusal());
        RefusedUpdateException refused = new RefusedUpdateException(line);
        if (begun) {
          throw new LostStateException(
              line + " when Spark ran it again; start it again to go on from the last checkpoint",
              refused);
        }
        throw refused;
      }
    }
  }

  private static double secondsSince(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }

  /** Frees what the executors hold for this run. */
  @Override
  public void close() {
    exchangeServer.ifPresent(ExchangeServer::close);
    resident.release();
    planBroadcast.destroy();
    Replica.closeIdle(plan.key());
  }
}
