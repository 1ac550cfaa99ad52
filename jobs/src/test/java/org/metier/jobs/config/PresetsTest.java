package org.metier.jobs.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.metier.prep.PrepareConfig;
import org.metier.prep.clean.CleaningConfig;
import org.metier.prep.clean.CleaningConfig.Step;
import org.metier.prep.dedup.DeduplicationConfig;
import org.metier.prep.read.ReadingConfig;
import org.metier.train.TrainConfig.Window;

/** Every preset in conf/ binds, alone and over the quickstart's values. */
class PresetsTest {
  // surefire runs in the module's directory
  private static final Path CONF = Path.of("..", "conf");

  static List<Path> presets() throws IOException {
    try (Stream<Path> files = Files.walk(CONF)) {
      return files.filter(file -> file.toString().endsWith(".conf")).sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("presets")
  void binds(Path preset) {
    assertThatCode(() -> load(preset)).doesNotThrowAnyException();
  }

  @Test
  void theQuickstartIsTheTinyModelOnTwoWorkers() {
    Settings settings = load(CONF.resolve("quickstart.conf"));
    assertThat(settings.run())
        .isEqualTo(new RunConfig("quickstart", "runs/quickstart", RunConfig.LogFormat.TEXT, 60));
    // its short schedule wants larger initial weights, and nothing else of its own
    assertThat(settings.model())
        .usingRecursiveComparison()
        .ignoringFields("initStd")
        .isEqualTo(load(CONF.resolve("model/tiny.conf")).model());
    assertThat(settings.train().workers()).isEqualTo(2);
    assertThat(settings.spark().master()).isEqualTo("local[2]");
    assertThat(settings.spark().conf()).containsEntry("spark.ui.enabled", "false");
  }

  @Test
  void balancePresetsAreNamedAfterTheirWindow() {
    for (Window window : Window.values()) {
      String name = window.name().toLowerCase().replace('_', '-');
      Settings settings = load(CONF.resolve("balance/" + name + ".conf"));
      assertThat(settings.train().balance().window()).isEqualTo(window);
    }
  }

  @Test
  void codeAndFileHaveTheSameDefaults() {
    PrepareConfig prepare = ConfigLayers.load(Optional.empty(), List.of()).settings().prepare();
    assertThat(prepare.cleaning()).isEqualTo(CleaningConfig.defaults());
    assertThat(prepare.deduplication()).isEqualTo(DeduplicationConfig.defaults());
    assertThat(prepare.reading()).isEqualTo(ReadingConfig.defaults());
  }

  @Test
  void webTextIsCleanedAndDeduplicated() {
    PrepareConfig prepare = load(CONF.resolve("corpus/web.conf")).prepare();
    assertThat(prepare.cleaning().steps()).contains(Step.LANGUAGE, Step.GOPHER_QUALITY, Step.C4);
    assertThat(prepare.deduplication().method()).isEqualTo(DeduplicationConfig.Method.NEAR);
    assertThat(prepare.deduplication().decontamination().ngram()).isEqualTo(13);
  }

  private static Settings load(Path preset) {
    return ConfigLayers.load(Optional.of(preset), List.of()).settings();
  }
}
