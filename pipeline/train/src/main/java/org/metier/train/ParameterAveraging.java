package org.metier.train;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.broadcast.Broadcast;
import org.metier.model.Parameters;
import org.metier.model.optim.WarmupCosine;
import org.metier.train.ParameterSlices.Slice;
import org.metier.train.SliceReduce.Contribution;
import scala.Tuple2;

/**
 * One round of local SGD on Spark: broadcast the parameters and the global expert frequencies, let
 * every worker take H steps on its stripe of the data, average what comes back slice by slice, and
 * turn the accumulated expert counts into the next round's frequencies.
 */
public final class ParameterAveraging implements AutoCloseable {
  private final JavaSparkContext spark;
  private final TrainPlan plan;
  private final Broadcast<TrainPlan> planBroadcast;
  private final ParameterSlices slices;
  private final WarmupCosine schedule;
  private final Optional<ExchangeServer> exchangeServer;

  /** A finished round. */
  public record Round(TrainState state, RoundMetrics metrics) {}

  ParameterAveraging(JavaSparkContext spark, TrainPlan plan) {
    this.spark = spark;
    this.plan = plan;
    this.planBroadcast = spark.broadcast(plan);
    TrainConfig config = plan.train();
    this.slices =
        ParameterSlices.cut(
            3,
            Parameters.layout(plan.model()).size(),
            config.sliceMegabytes() << 20,
            Math.max(config.workers(), spark.defaultParallelism()));
    this.schedule = config.schedule();
    this.exchangeServer = exchangeServer(spark, config);
  }

  /** The window {@code step} needs all workers at once, now and not in the round that it begins. */
  private static Optional<ExchangeServer> exchangeServer(
      JavaSparkContext spark, TrainConfig config) {
    if (!config.balance().everIs(TrainConfig.Window.STEP)) {
      return Optional.empty();
    }
    GangStage.requireSlots(spark, config.workers(), config.exchangeTimeoutSeconds());
    return Optional.of(
        new ExchangeServer(
            spark.env().conf(),
            spark.env().securityManager(),
            config.workers(),
            config.exchangeTimeoutSeconds()));
  }

  /**
   * Runs the round after {@code state}.
   *
   * @throws DivergedException if a worker met a loss or gradient that is not finite
   * @throws LostWorkerException if workers wait for one that is gone, as often as Spark retries
   */
  public Round runRound(TrainState state) {
    TrainConfig config = plan.train();
    spark.setJobDescription("metier round " + (state.round() + 1) + "/" + config.rounds());
    RoundReports reports = new RoundReports(state.round());
    spark.sc().register(reports, "round " + state.round());

    long began = System.nanoTime();
    List<Broadcast<byte[]>> parameters = broadcast(state);
    Broadcast<RoundStart> start =
        spark.broadcast(
            new RoundStart(
                state.round(),
                state.step(),
                state.position(),
                state.momentSteps(),
                state.frequencies()));
    double broadcastSeconds = secondsSince(began);

    List<Tuple2<Integer, byte[]>> means =
        means(localSteps(state, parameters, start, reports), state);
    Collection<WorkerReport> byWorker = reports.value().values();
    start.destroy();
    parameters.forEach(Broadcast::destroy);

    checkFinite(byWorker, state.round());
    TrainState next = next(state, means, byWorker);
    double total = secondsSince(began);
    double compute = byWorker.stream().mapToDouble(WorkerReport::computeSeconds).max().orElse(0);
    RoundMetrics.Phases seconds =
        new RoundMetrics.Phases(
            broadcastSeconds, compute, Math.max(0, total - broadcastSeconds - compute));
    double learningRate = schedule.at(next.step() - 1);
    return new Round(next, RoundMetrics.of(next, byWorker, learningRate, seconds));
  }

  private List<Tuple2<Integer, byte[]>> means(
      JavaPairRDD<Integer, Contribution> contributions, TrainState state) {
    try {
      return contributions
          .groupByKey(Math.min(slices.slices().size(), spark.defaultParallelism()))
          .mapValues(ParameterAveraging::mean)
          .collect();
    } catch (Exception e) { // Spark's are checked, and not declared
      Optional<String> lost = exchangeServer.flatMap(ExchangeServer::failure);
      if (lost.isEmpty()) {
        throw e;
      }
      throw new LostWorkerException("round %d, %s".formatted(state.round() + 1, lost.get()), e);
    }
  }

  private List<Broadcast<byte[]>> broadcast(TrainState state) {
    List<Broadcast<byte[]>> broadcasts = new ArrayList<>();
    for (Slice slice : slices.slices()) {
      byte[] bytes =
          ParameterSlices.encode(state.block(slice.block()), slice.from(), slice.count());
      broadcasts.add(spark.broadcast(bytes));
    }
    return broadcasts;
  }

  /** The stage of W tasks: (slice, contribution) of every slice and worker. */
  private JavaPairRDD<Integer, Contribution> localSteps(
      TrainState state,
      List<Broadcast<byte[]>> parameters,
      Broadcast<RoundStart> start,
      RoundReports reports) {
    int workers = plan.train().workers();
    Broadcast<TrainPlan> planOnWorker = planBroadcast;
    ParameterSlices cut = slices;
    boolean gang = plan.train().balance().windowOf(state.round()) == TrainConfig.Window.STEP;
    CountExchange.Opener exchange = gang ? opener() : worker -> CountExchange.alone();
    JavaRDD<Integer> numbers =
        spark.parallelize(IntStream.range(0, workers).boxed().toList(), workers);
    Function2<Integer, Iterator<Integer>, Iterator<Tuple2<Integer, Contribution>>> train =
        (worker, none) ->
            trainOnce(planOnWorker.value(), cut, parameters, start, reports, exchange, worker);
    return JavaPairRDD.fromJavaRDD(
        gang
            ? GangStage.mapPartitionsWithIndex(numbers, train)
            : numbers.mapPartitionsWithIndex(train, false));
  }

  private CountExchange.Opener opener() {
    ExchangeServer.Address driver = exchangeServer.orElseThrow().address();
    return worker -> TransportExchange.ofTask(driver, worker);
  }

  private static Iterator<Tuple2<Integer, Contribution>> trainOnce(
      TrainPlan plan,
      ParameterSlices cut,
      List<Broadcast<byte[]>> parameters,
      Broadcast<RoundStart> start,
      RoundReports reports,
      CountExchange.Opener opener,
      int worker) {
    Replica replica = Replica.acquire(plan);
    try (CountExchange exchange = opener.open(worker)) {
      for (Slice slice : cut.slices()) {
        byte[] bytes = parameters.get(slice.id()).value();
        ParameterSlices.decode(bytes, replica.blocks()[slice.block()], slice.from());
      }
      WorkerReport report = replica.train(start.value(), worker, exchange);
      reports.add(report);
      List<Tuple2<Integer, Contribution>> out = new ArrayList<>();
      for (Slice slice : cut.slices()) {
        float[] block = replica.blocks()[slice.block()];
        byte[] bytes = ParameterSlices.encode(block, slice.from(), slice.count());
        out.add(new Tuple2<>(slice.id(), new Contribution(worker, report.tokens(), bytes)));
      }
      return out.iterator();
    } finally {
      replica.release();
    }
  }

  private static byte[] mean(Iterable<Contribution> contributions) {
    List<Contribution> list = new ArrayList<>();
    contributions.forEach(list::add);
    return SliceReduce.mean(list);
  }

  private TrainState next(
      TrainState state, List<Tuple2<Integer, byte[]>> means, Collection<WorkerReport> reports) {
    TrainConfig config = plan.train();
    int size = state.values().length;
    float[][] blocks = new float[3][size];
    for (Tuple2<Integer, byte[]> mean : means) {
      Slice slice = slices.slices().get(mean._1());
      ParameterSlices.decode(mean._2(), blocks[slice.block()], slice.from());
    }
    boolean reset = config.optimizer().moments() == TrainConfig.Moments.RESET;
    int steps = config.localSteps();
    return new TrainState(
        state.round() + 1,
        state.step() + steps,
        state.position() + (long) steps * config.sequencesOfStep(),
        reset ? 0 : state.momentSteps() + steps,
        blocks[0],
        reset ? new float[size] : blocks[1],
        reset ? new float[size] : blocks[2],
        GlobalFrequencies.of(reports));
  }

  private static void checkFinite(Collection<WorkerReport> reports, long round) {
    for (WorkerReport report : reports) {
      if (!report.finite()) {
        throw new DivergedException(
            "round %d: the loss or gradient of worker %d is not finite; the last checkpoint is kept"
                    .formatted(round + 1, report.worker())
                + " (try a lower train.optimizer.learningRate)");
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
    planBroadcast.destroy();
    Replica.closeIdle(plan.key());
  }
}
