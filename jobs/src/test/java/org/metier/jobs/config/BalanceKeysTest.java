package org.metier.jobs.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.RouterScoring;
import org.metier.train.StrategyConfig.Kind;
import org.metier.train.TrainConfig.Balance;

/** The section train.balance: what is refused, in one line that names the key, and the presets. */
class BalanceKeysTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "train.balance.coefficient=-0.1 | train.balance.coefficient must not be negative, is -0.1",
        "train.balance.zLoss=-1 | train.balance.zLoss must not be negative, is -1.0",
        "train.balance.jitter=1 | train.balance.jitter must lie in [0, 1), is 1.0",
        "train.balance.strategy=lossfree | train.balance.strategy: expected one of auxiliary,"
            + " loss-free, mutual-information, concentration, shinka, latency, none, is 'lossfree'",
        "train.balance.also=[{strategy=shinka, coefficient=-1}] |"
            + " train.balance.also[0].coefficient must not be negative, is -1.0",
        "train.balance.also=[{strategy=none, coefficient=1}] |"
            + " train.balance.also[0].strategy none is nothing to add",
        "train.balance.also=[{strategy=auxiliary, coefficient=1}] |"
            + " train.balance.also names a strategy that is there already",
        "train.balance.lossFree.rate=0 | train.balance.lossFree.rate must be positive, is 0.0",
        "train.balance.shinka.threshold=-1 |"
            + " train.balance.shinka.threshold must not be negative, is -1.0",
        "train.balance.latency.latencies=[1, -2] |"
            + " train.balance.latency.latencies must be positive, one is -2.0",
        "train.balance.latency.latencies=[a] |"
            + " train.balance.latency.latencies[0]: expected a number, is 'a'",
        "train.balance.switchRound=60 | train.balance.switchRound is 60, but there are 60 rounds:"
            + " switchWindow would never hold",
        "train.balance.shuffled=true | train.balance.shuffled draws from all workers' tokens of a"
            + " step: set window = step, is round",
        "model.topK=17 | model.topK (17) exceeds numExperts (16)",
        "model.router.activation=relu |"
            + " model.router.activation: expected one of softmax, sigmoid, is 'relu'"
      })
  void badInputIsRefusedByKey(String override, String message) {
    assertThatThrownBy(() -> load(override))
        .isInstanceOf(InvalidConfigException.class)
        .hasMessage("command line: " + message);
  }

  @Test
  void whatTwoKeysMakeImpossibleIsRefused() {
    assertThatThrownBy(
            () -> load("train.balance.strategy=latency", "train.balance.latency.latencies=[1, 2]"))
        .isInstanceOf(InvalidConfigException.class)
        .hasMessageEndingWith(
            "train.balance.latency.latencies has 2 entries, model.numExperts is 16");
    assertThatThrownBy(
            () ->
                load(
                    "train.balance.strategy=loss-free",
                    "train.balance.window=step",
                    "train.balance.lossFree.update=round"))
        .isInstanceOf(InvalidConfigException.class)
        .hasMessageEndingWith(
            "train.balance.lossFree.update = round takes a round's counts: set window = round, is"
                + " step");
  }

  @Test
  void aListOfMethodsBinds() {
    Balance balance =
        load(
                "train.balance.strategy=loss-free",
                "train.balance.also=[{strategy=auxiliary, coefficient=1e-4},"
                    + " {strategy=concentration, coefficient=0}]")
            .train()
            .balance();
    assertThat(balance.also())
        .extracting("strategy")
        .containsExactly(Kind.AUXILIARY, Kind.CONCENTRATION);
    assertThat(balance.also()).extracting("coefficient").containsExactly(1e-4, 0.0);
  }

  /** Each method has a preset of its name, over the quickstart too, and says where it is from. */
  @Test
  void everyMethodHasAPreset() throws Exception {
    for (Kind kind : Kind.values()) {
      String name = kind == Kind.AUXILIARY ? "round" : word(kind);
      Path preset = Path.of("..", "conf", "balance", name + ".conf");
      Settings settings = ConfigLayers.load(Optional.of(preset), List.of()).settings();
      assertThat(settings.train().balance().strategy()).isEqualTo(kind);
      if (kind != Kind.AUXILIARY) {
        assertThat(preset).content().contains("# Source: ");
      }
    }
    Path lossFree = Path.of("..", "conf", "balance", "loss-free.conf");
    RouterScoring router =
        ConfigLayers.load(Optional.of(lossFree), List.of()).settings().model().router();
    assertThat(router.activation()).isEqualTo(RouterScoring.Activation.SIGMOID);
  }

  private static String word(Kind kind) {
    return kind.name().toLowerCase().replace('_', '-');
  }

  private static Settings load(String... overrides) {
    return ConfigLayers.load(Optional.empty(), Arrays.asList(overrides)).settings();
  }
}
