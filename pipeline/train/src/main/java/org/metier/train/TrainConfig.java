package org.metier.train;

import java.io.Serializable;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.metier.model.balance.LossFreeBias;
import org.metier.model.balance.MutualInformationLoss;
import org.metier.model.balance.Normalization;
import org.metier.model.balance.ShinkaLoss;
import org.metier.model.optim.LearningRateSchedule;
import org.metier.model.optim.WarmupStableDecay;

/**
 * The {@code train} section of a run.
 *
 * @param data directory that {@code prepare} wrote
 * @param workerData what each worker draws its sequences from
 * @param workers W, replicas that train side by side, one Spark task each
 * @param threadsPerWorker threads of one replica's kernels
 * @param localSteps H, optimiser steps between two averagings, but for {@code averaging.early}
 * @param batchSequences B, sequences of one worker's micro-batch
 * @param accumulationSteps A, micro-batches of one worker's optimiser step
 * @param rounds rounds of the whole run
 * @param checkpointEvery rounds between two checkpoints; the last round is always one
 * @param keepCheckpoints newest checkpoints that are kept; the best is kept beside them
 * @param sliceMegabytes largest piece in which parameters travel, MiB
 * @param exchangeTimeoutSeconds longest wait for another worker in the window {@code step}
 * @param seed decides initial weights and data order
 * @param validateEvery rounds between two validations, the last round is always one; 0 is never
 * @param validationSequences held-out sequences that a validation looks at, at most
 * @param earlyStop when to end before the last round
 */
public record TrainConfig(
    String data,
    WorkerData workerData,
    int workers,
    int threadsPerWorker,
    int localSteps,
    int batchSequences,
    int accumulationSteps,
    int rounds,
    int checkpointEvery,
    int keepCheckpoints,
    int sliceMegabytes,
    int exchangeTimeoutSeconds,
    long seed,
    OptimizerConfig optimizer,
    Balance balance,
    AveragingConfig averaging,
    int validateEvery,
    int validationSequences,
    EarlyStop earlyStop)
    implements Serializable {

  /** What each worker draws its sequences from. */
  public enum WorkerData {
    /** All domains, as they lie: a step of all workers reads one stretch of the global order. */
    MIXTURE,
    /** Domains of its own: see {@link DomainIndex}. */
    DOMAINS
  }

  /** Whose tokens define the expert frequencies f of the load-balancing loss. */
  public enum Window {
    SEQUENCE,
    MICRO_BATCH,
    STEP,
    ROUND,
    ROUND_STALE
  }

  /**
   * What f is over in the window {@code step} where a step accumulates several micro-batches: all
   * of them (each goes forward twice), or those so far.
   */
  public enum Accumulation {
    EXACT,
    BUFFER
  }

  /** How the per-layer balance losses join: their sum, or their mean. */
  public enum LayerReduction {
    SUM,
    MEAN
  }

  /** What happens to Adam's moments when replicas are averaged. */
  public enum Moments {
    /** They are averaged too, and workers are stateless. */
    AVERAGE,
    /** Each worker keeps its own; they do not travel. */
    KEEP,
    /** Each round starts from zero. */
    RESET
  }

  /** What the learning rate does after its linear warm-up. */
  public enum Schedule {
    /** Half a cosine down. */
    COSINE,
    /** Level, then a decay at the end: {@link WarmupStableDecay}. */
    WSD,
    /** Level. */
    CONSTANT
  }

  /**
   * Load balancing.
   *
   * @param window whose tokens define f
   * @param coefficient weight of the first strategy's loss
   * @param layers how the layers' losses join
   * @param recentBatches n, micro-batches in a worker's own running share (window {@code round})
   * @param accumulation of several micro-batches in one step (window {@code step})
   * @param shuffled f over a draw, as large as one micro-batch, from all workers' tokens (window
   *     {@code step})
   * @param microBatchShare w: f is (1 - w) of the window's and w of the micro-batch's
   * @param switchRound rounds after which {@code switchWindow} holds; 0 is never
   * @param switchWindow whose tokens define f from then on
   * @param zLoss weight of the router's z-loss
   * @param strategy the balancing method
   * @param also further methods beside it
   * @param normalization what the auxiliary loss's coefficient multiplies
   * @param lossFree read if one of them is {@code loss-free}
   * @param mutualInformation read if one of them is {@code mutual-information}
   * @param shinka read if one of them is {@code shinka}
   * @param latency read if one of them is {@code latency}
   * @param jitter ε of the noise on the routers' inputs in training, uniform in [1 - ε, 1 + ε)
   * @param windowSequences g, sequences that one window of {@code sequence} joins; divides B
   */
  public record Balance(
      Window window,
      double coefficient,
      LayerReduction layers,
      int recentBatches,
      Accumulation accumulation,
      boolean shuffled,
      double microBatchShare,
      int switchRound,
      Window switchWindow,
      double zLoss,
      StrategyConfig.Kind strategy,
      List<StrategyConfig.Weighted> also,
      Normalization normalization,
      StrategyConfig.LossFree lossFree,
      StrategyConfig.MutualInformation mutualInformation,
      StrategyConfig.Shinka shinka,
      StrategyConfig.Latency latency,
      double jitter,
      int windowSequences)
      implements Serializable {
    public Balance {
      also = List.copyOf(also);
      require(coefficient >= 0, "coefficient must not be negative, is %s", coefficient);
      require(recentBatches >= 1, "recentBatches must be at least 1, is %s", recentBatches);
      require(
          microBatchShare >= 0 && microBatchShare <= 1,
          "microBatchShare must lie between 0 and 1, is %s",
          microBatchShare);
      require(switchRound >= 0, "switchRound must not be negative, is %s", switchRound);
      require(zLoss >= 0, "zLoss must not be negative, is %s", zLoss);
      require(
          !shuffled || window == Window.STEP || (switchRound > 0 && switchWindow == Window.STEP),
          "shuffled draws from all workers' tokens of a step: set window = step, is %s",
          word(window));
      require(jitter >= 0 && jitter < 1, "jitter must lie in [0, 1), is %s", jitter);
      require(windowSequences >= 1, "windowSequences must be at least 1, is %s", windowSequences);
    }

    /** The auxiliary loss alone. */
    Balance(
        Window window,
        double coefficient,
        LayerReduction layers,
        int recentBatches,
        Accumulation accumulation,
        boolean shuffled,
        double microBatchShare,
        int switchRound,
        Window switchWindow,
        double zLoss) {
      this(
          window,
          coefficient,
          layers,
          recentBatches,
          accumulation,
          shuffled,
          microBatchShare,
          switchRound,
          switchWindow,
          zLoss,
          StrategyConfig.Kind.AUXILIARY,
          List.of(),
          Normalization.PAPER,
          new StrategyConfig.LossFree(
              LossFreeBias.Rule.SIGN,
              1e-3,
              LossFreeBias.Schedule.CONSTANT,
              StrategyConfig.Update.STEP),
          new StrategyConfig.MutualInformation(MutualInformationLoss.Marginal.BATCH),
          new StrategyConfig.Shinka(0.064, ShinkaLoss.Hinge.FREQUENCY),
          new StrategyConfig.Latency(List.of(), 0),
          0,
          1);
    }

    /** The same with a latency for each expert. */
    Balance withLatencies(List<Double> latencies) {
      return new Balance(
          window,
          coefficient,
          layers,
          recentBatches,
          accumulation,
          shuffled,
          microBatchShare,
          switchRound,
          switchWindow,
          zLoss,
          strategy,
          also,
          normalization,
          lossFree,
          mutualInformation,
          shinka,
          new StrategyConfig.Latency(latencies, latency.deviation()),
          jitter,
          windowSequences);
    }

    /** True if any round has this window. */
    boolean everIs(Window wanted) {
      return window == wanted || (switchRound > 0 && switchWindow == wanted);
    }

    /**
     * The window of a round.
     *
     * @param round rounds before it
     */
    Window windowOf(long round) {
      return switchRound > 0 && round >= switchRound ? switchWindow : window;
    }
  }

  public TrainConfig {
    require(
        balance.switchRound() < rounds || balance.switchRound() == 0,
        "balance.switchRound is %s, but there are %s rounds: switchWindow would never hold",
        balance.switchRound(),
        rounds);
    StrategyConfig.check(balance);
    require(workers >= 1, "workers must be at least 1, is %s", workers);
    require(threadsPerWorker >= 1, "threadsPerWorker must be at least 1, is %s", threadsPerWorker);
    require(localSteps >= 1, "localSteps must be at least 1, is %s", localSteps);
    require(batchSequences >= 1, "batchSequences must be at least 1, is %s", batchSequences);
    require(
        accumulationSteps >= 1, "accumulationSteps must be at least 1, is %s", accumulationSteps);
    require(
        exchangeTimeoutSeconds >= 1,
        "exchangeTimeoutSeconds must be at least 1, is %s",
        exchangeTimeoutSeconds);
    require(
        !balance.everIs(Window.SEQUENCE) || batchSequences % balance.windowSequences() == 0,
        "balance.windowSequences must divide batchSequences (%s), is %s",
        batchSequences,
        balance.windowSequences());
    require(rounds >= 1, "rounds must be at least 1, is %s", rounds);
    require(checkpointEvery >= 1, "checkpointEvery must be at least 1, is %s", checkpointEvery);
    require(keepCheckpoints >= 1, "keepCheckpoints must be at least 1, is %s", keepCheckpoints);
    require(validateEvery >= 0, "validateEvery must not be negative, is %s", validateEvery);
    require(
        validationSequences >= 1,
        "validationSequences must be at least 1, is %s",
        validationSequences);
    require(
        earlyStop.patience() == 0 || validateEvery > 0,
        "earlyStop.patience is counted in validations: set validateEvery, is %s",
        validateEvery);
    require(
        sliceMegabytes >= 1 && sliceMegabytes <= 64,
        "sliceMegabytes must lie between 1 and 64, is %s",
        sliceMegabytes);
  }

  /** The same with a latency for each expert. */
  TrainConfig withLatencies(List<Double> latencies) {
    return new TrainConfig(
        data,
        workerData,
        workers,
        threadsPerWorker,
        localSteps,
        batchSequences,
        accumulationSteps,
        rounds,
        checkpointEvery,
        keepCheckpoints,
        sliceMegabytes,
        exchangeTimeoutSeconds,
        seed,
        optimizer,
        balance.withLatencies(latencies),
        averaging,
        validateEvery,
        validationSequences,
        earlyStop);
  }

  /** W·A·B, sequences of one optimiser step of all workers. */
  long sequencesOfStep() {
    return (long) workers * accumulationSteps * batchSequences;
  }

  /**
   * H of a round.
   *
   * @param round rounds before it
   */
  int localStepsOf(long round) {
    return round < averaging.early().rounds() ? averaging.early().localSteps() : localSteps;
  }

  /** Learning rate over the whole run. */
  LearningRateSchedule schedule() {
    long early = Math.min(rounds, averaging.early().rounds());
    return optimizer.over(early * averaging.early().localSteps() + (rounds - early) * localSteps);
  }

  /**
   * The first key that changes what a run computes and that is not what it was, in words. A run may
   * go on with another engine, other workers (unless they keep something for themselves), threads,
   * slices, another reducer, other validations or more rounds; not with another seed, step,
   * optimiser, outer optimiser or balance.
   */
  Optional<String> firstChangeFrom(TrainConfig earlier) {
    List<String> changes = new ArrayList<>();
    note(changes, "train.seed", earlier.seed, seed);
    note(changes, "train.workerData", earlier.workerData, workerData);
    note(changes, "train.localSteps", earlier.localSteps, localSteps);
    note(changes, "train.batchSequences", earlier.batchSequences, batchSequences);
    note(changes, "train.accumulationSteps", earlier.accumulationSteps, accumulationSteps);
    noteAll(changes, "train.optimizer.", earlier.optimizer, optimizer);
    noteAll(changes, "train.balance.", earlier.balance, balance);
    noteAll(changes, "train.averaging.early.", earlier.averaging.early(), averaging.early());
    note(changes, "train.averaging.outer", earlier.averaging.outer(), averaging.outer());
    if (changes.isEmpty()) {
      noteAll(
          changes,
          averaging.outerKey(),
          earlier.averaging.outerSettings(),
          averaging.outerSettings());
    }
    if (!Block.Plan.of(this).resident().isEmpty()) {
      note(changes, "train.workers (which keep state)", earlier.workers, workers);
    }
    if (workerData == WorkerData.DOMAINS) {
      note(changes, "train.workers (which are dealt domains)", earlier.workers, workers);
    }
    return changes.stream().findFirst();
  }

  /** The first component that is not what it was, in words. */
  static Optional<String> firstChange(String prefix, Record before, Record now) {
    List<String> changes = new ArrayList<>();
    noteAll(changes, prefix, before, now);
    return changes.stream().findFirst();
  }

  private static void noteAll(List<String> changes, String prefix, Record before, Record now) {
    try {
      for (RecordComponent component : before.getClass().getRecordComponents()) {
        Object was = component.getAccessor().invoke(before);
        note(changes, prefix + component.getName(), was, component.getAccessor().invoke(now));
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e); // accessors of our own public records
    }
  }

  private static void note(List<String> changes, String key, Object before, Object now) {
    if (!before.equals(now)) {
      changes.add("%s was %s, is %s".formatted(key, word(before), word(now)));
    }
  }

  static String word(Object value) {
    if (value instanceof List<?> list) {
      return list.stream().map(TrainConfig::word).toList().toString();
    }
    return value instanceof Enum<?> constant
        ? constant.name().toLowerCase(Locale.ROOT).replace('_', '-')
        : String.valueOf(value);
  }

  static void require(boolean condition, String message, Object... arguments) {
    if (!condition) {
      throw new IllegalArgumentException(message.formatted(arguments));
    }
  }
}
