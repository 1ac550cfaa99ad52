package org.metier.train;

import java.util.List;
import org.metier.model.balance.LossFreeBias.Rule;
import org.metier.model.balance.LossFreeBias.Schedule;
import org.metier.model.balance.MutualInformationLoss.Marginal;
import org.metier.model.balance.Normalization;
import org.metier.model.balance.ShinkaLoss.Hinge;
import org.metier.train.StrategyConfig.Kind;
import org.metier.train.StrategyConfig.Latency;
import org.metier.train.StrategyConfig.LossFree;
import org.metier.train.StrategyConfig.MutualInformation;
import org.metier.train.StrategyConfig.Shinka;
import org.metier.train.StrategyConfig.Update;
import org.metier.train.StrategyConfig.Weighted;
import org.metier.train.TrainConfig.Accumulation;
import org.metier.train.TrainConfig.Balance;
import org.metier.train.TrainConfig.LayerReduction;
import org.metier.train.TrainConfig.Window;

/** Balancing methods for tests on models of four experts. */
final class BalanceFixture {
  static final double RATE = 0.02;

  private BalanceFixture() {}

  /** One method, and others beside it. */
  static Balance of(Window window, Kind strategy, Weighted... also) {
    return of(window, strategy, Update.STEP, 0, 0, also);
  }

  static Balance lossFree(Window window, Update update) {
    return of(window, Kind.LOSS_FREE, update, 0, 0);
  }

  static Balance jittered(double jitter) {
    return of(Window.STEP, Kind.AUXILIARY, Update.STEP, jitter, 0);
  }

  static Balance of(
      Window window,
      Kind strategy,
      Update update,
      double jitter,
      double microBatchShare,
      Weighted... also) {
    return new Balance(
        window,
        0.02,
        LayerReduction.MEAN,
        3,
        Accumulation.EXACT,
        false,
        microBatchShare,
        0,
        window,
        1e-4,
        strategy,
        List.of(also),
        Normalization.PAPER,
        new LossFree(Rule.SIGN, RATE, Schedule.CONSTANT, update),
        new MutualInformation(Marginal.BATCH),
        new Shinka(0.064, Hinge.FREQUENCY),
        new Latency(List.of(1.0, 2.0, 1.0, 2.0), 0),
        jitter,
        1);
  }

  /** The auxiliary loss over windows of so many sequences. */
  static Balance windowsOf(int sequences) {
    Balance b = of(Window.SEQUENCE, Kind.AUXILIARY);
    return new Balance(
        b.window(),
        b.coefficient(),
        b.layers(),
        b.recentBatches(),
        b.accumulation(),
        b.shuffled(),
        b.microBatchShare(),
        b.switchRound(),
        b.switchWindow(),
        b.zLoss(),
        b.strategy(),
        b.also(),
        b.normalization(),
        b.lossFree(),
        b.mutualInformation(),
        b.shinka(),
        b.latency(),
        b.jitter(),
        sequences);
  }
}
