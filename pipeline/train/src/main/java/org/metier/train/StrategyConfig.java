package org.metier.train;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.metier.model.ModelConfig;
import org.metier.model.balance.AuxiliaryLoss;
import org.metier.model.balance.BalanceStrategy;
import org.metier.model.balance.CombinedStrategies;
import org.metier.model.balance.ConcentrationLoss;
import org.metier.model.balance.LatencyLoss;
import org.metier.model.balance.LossFreeBias;
import org.metier.model.balance.MutualInformationLoss;
import org.metier.model.balance.NoBalance;
import org.metier.model.balance.ShinkaLoss;
import org.metier.train.TrainConfig.Balance;
import org.metier.train.TrainConfig.Window;

/** The keys of {@code train.balance} that choose and shape the method, and what they make. */
public final class StrategyConfig {
  private StrategyConfig() {}

  /** The methods by name. */
  public enum Kind {
    AUXILIARY,
    LOSS_FREE,
    MUTUAL_INFORMATION,
    CONCENTRATION,
    SHINKA,
    LATENCY,
    NONE
  }

  /**
   * A further method beside the first.
   *
   * @param coefficient weight of its loss; {@code loss-free} has none
   */
  public record Weighted(Kind strategy, double coefficient) implements Serializable {
    public Weighted {
      require(coefficient >= 0, "coefficient must not be negative, is %s", coefficient);
      require(strategy != Kind.NONE, "strategy none is nothing to add");
    }
  }

  /** When the bias moves. */
  public enum Update {
    /** After every optimiser step, each worker by its window's frequencies. */
    STEP,
    /** Once a round, by what all workers routed in it. */
    ROUND
  }

  /**
   * Of {@code loss-free}.
   *
   * @param rule what a step is proportional to
   * @param rate u, in the units of the score that the bias is added to ({@code model.router})
   * @param schedule u, u/n or u/√n
   * @param update when the bias moves
   */
  public record LossFree(
      LossFreeBias.Rule rule, double rate, LossFreeBias.Schedule schedule, Update update)
      implements Serializable {
    public LossFree {
      require(rate > 0, "rate must be positive, is %s", rate);
    }
  }

  /** Of {@code mutual-information}. */
  public record MutualInformation(MutualInformationLoss.Marginal marginal)
      implements Serializable {}

  /**
   * Of {@code shinka}.
   *
   * @param threshold share of the even load below which an expert is starved
   */
  public record Shinka(double threshold, ShinkaLoss.Hinge hinge) implements Serializable {
    public Shinka {
      require(threshold >= 0, "threshold must not be negative, is %s", threshold);
    }
  }

  /**
   * Of {@code latency}.
   *
   * @param latencies of each expert, in any unit; empty: they are measured when the run starts
   * @param deviation σ of the noise in the load, in logits; 0 is 1/E
   */
  public record Latency(List<Double> latencies, double deviation) implements Serializable {
    public Latency {
      latencies = List.copyOf(latencies);
      for (double latency : latencies) {
        require(latency > 0, "latencies must be positive, one is %s", latency);
      }
      require(deviation >= 0, "deviation must not be negative, is %s", deviation);
    }
  }

  /** The methods of a run: the first, and those beside it. */
  static Set<Kind> kinds(Balance b) {
    Set<Kind> kinds = EnumSet.of(b.strategy());
    b.also().forEach(other -> kinds.add(other.strategy()));
    return kinds;
  }

  /** Refuses what does not go together; the message names the key within {@code train}. */
  static void check(Balance b) {
    Set<Kind> kinds = kinds(b);
    require(
        kinds.size() == 1 + b.also().size(), "balance.also names a strategy that is there already");
    require(
        b.strategy() != Kind.NONE || b.also().isEmpty(),
        "balance.also goes with a strategy, but strategy is none");
    require(
        !kinds.contains(Kind.LOSS_FREE)
            || b.lossFree().update() == Update.STEP
            || (isRound(b.window()) && isRound(b.windowOf(Integer.MAX_VALUE))),
        "balance.lossFree.update = round takes a round's counts: set window = round, is %s",
        TrainConfig.word(b.window()));
  }

  /** True if the latency of each expert is wanted and not yet known. */
  static boolean needsLatencies(Balance b) {
    return kinds(b).contains(Kind.LATENCY) && b.latency().latencies().isEmpty();
  }

  private static boolean isRound(Window window) {
    return window == Window.ROUND || window == Window.ROUND_STALE;
  }

  /**
   * Refuses what does not fit the model.
   *
   * @throws IllegalArgumentException with a message that names the key
   */
  public static void checkFit(Balance b, ModelConfig model) {
    int latencies = b.latency().latencies().size();
    require(
        !kinds(b).contains(Kind.LATENCY) || latencies == 0 || latencies == model.numExperts(),
        "train.balance.latency.latencies has %d entries, model.numExperts is %d",
        latencies,
        model.numExperts());
    require(
        !kinds(b).contains(Kind.LATENCY) || model.nullExperts() == 0,
        "train.balance.latency knows no model.nullExperts (%d): nulls take no time",
        model.nullExperts());
  }

  /**
   * The method of one round, with its weights.
   *
   * @param round rounds before it
   */
  static BalanceStrategy strategy(TrainConfig config, ModelConfig model, long round) {
    Balance b = config.balance();
    boolean globalWindow = b.windowOf(round) == Window.STEP || isRound(b.windowOf(round));
    double factor = b.normalization().factor(model.topK(), config.workers(), globalWindow);
    List<BalanceStrategy> parts = new ArrayList<>();
    parts.add(strategy(b.strategy(), b.coefficient(), factor, b, model));
    for (Weighted other : b.also()) {
      parts.add(strategy(other.strategy(), other.coefficient(), factor, b, model));
    }
    return parts.size() == 1 ? parts.get(0) : new CombinedStrategies(parts);
  }

  private static BalanceStrategy strategy(
      Kind kind, double coefficient, double factor, Balance b, ModelConfig model) {
    return switch (kind) {
      case AUXILIARY -> new AuxiliaryLoss(factor * coefficient);
      case LOSS_FREE ->
          new LossFreeBias(b.lossFree().rule(), b.lossFree().rate(), b.lossFree().schedule());
      case MUTUAL_INFORMATION ->
          new MutualInformationLoss(coefficient, b.mutualInformation().marginal());
      case CONCENTRATION -> new ConcentrationLoss(coefficient);
      case SHINKA -> new ShinkaLoss(coefficient, b.shinka().threshold(), b.shinka().hinge());
      case LATENCY -> {
        double deviation = b.latency().deviation();
        yield new LatencyLoss(
            coefficient,
            b.latency().latencies(),
            deviation == 0 ? 1.0 / model.numExperts() : deviation);
      }
      case NONE -> new NoBalance();
    };
  }

  private static void require(boolean condition, String message, Object... arguments) {
    if (!condition) {
      throw new IllegalArgumentException(message.formatted(arguments));
    }
  }
}
