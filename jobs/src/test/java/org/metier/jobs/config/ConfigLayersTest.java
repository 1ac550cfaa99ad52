package org.metier.jobs.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValue;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.engine.kernel.Precision;
import org.metier.train.AveragingConfig;
import org.metier.train.EngineConfig;
import org.metier.train.TrainConfig;

class ConfigLayersTest {
  @TempDir Path directory;

  @Test
  void defaultsAloneAreComplete() {
    Settings settings = ConfigLayers.load(Optional.empty(), List.of()).settings();
    assertThat(settings.run())
        .isEqualTo(new RunConfig("local", "runs/local", RunConfig.LogFormat.TEXT, 60));
    assertThat(settings.train().balance().window()).isEqualTo(TrainConfig.Window.ROUND);
    assertThat(settings.spark()).isEqualTo(new SparkConfig("local[2]", Map.of()));
  }

  @Test
  void everyDefaultHasACommentLine() {
    assertCommented("", ConfigLayers.defaults().root());
  }

  private static void assertCommented(String path, Map<String, ConfigValue> section) {
    section.forEach(
        (name, value) -> {
          if (value instanceof Map<?, ?> && !name.equals("conf")) {
            assertCommented(path + name + ".", section(value));
          } else {
            assertThat(value.origin().comments()).as(path + name).isNotEmpty();
          }
        });
  }

  @SuppressWarnings("unchecked")
  private static Map<String, ConfigValue> section(ConfigValue value) {
    return (Map<String, ConfigValue>) value;
  }

  @Test
  void fileOverDefaultsAndOverridesOverFile() throws IOException {
    Path file = write("run.conf", "train { rounds = 7, seed = 8 }");
    Settings settings = load(file, "train.seed=9", "train.seed=10");
    assertThat(settings.train().rounds()).isEqualTo(7);
    assertThat(settings.train().seed()).isEqualTo(10);
    assertThat(settings.train().localSteps()).isEqualTo(10);
  }

  @Test
  void oneKeyChangesAllThatReferToIt() throws IOException {
    Path file = write("run.conf", "run.id = mine");
    Settings settings =
        load(
            file,
            "prepare.vocabSize=512",
            "prepare.sequenceLength=64",
            "prepare.output=/data/tokens",
            "corpus.directory=/data/text");
    assertThat(settings.run().directory()).isEqualTo("runs/mine");
    assertThat(settings.prepare().input()).containsExactly("/data/text");
    assertThat(settings.model().vocabSize()).isEqualTo(512);
    assertThat(settings.model().sequenceLength()).isEqualTo(64);
    assertThat(settings.train().data()).isEqualTo("/data/tokens");
  }

  @Test
  void overridesNeedNoQuotes() throws IOException {
    Path file = write("run.conf", "");
    Settings settings =
        load(
            file,
            "prepare.output=hdfs://host:8020/a b#c",
            "train.data=${prepare.output}/x",
            "prepare.input=[a.jsonl, \"s3a://b/c\"]",
            "train.optimizer.learningRate=1e-3",
            "spark.conf.spark.executor.memory=2g");
    assertThat(settings.prepare().output()).isEqualTo("hdfs://host:8020/a b#c");
    assertThat(settings.train().data()).isEqualTo("hdfs://host:8020/a b#c/x");
    assertThat(settings.prepare().input()).containsExactly("a.jsonl", "s3a://b/c");
    assertThat(settings.train().optimizer().learningRate()).isEqualTo(1e-3);
    assertThat(settings.spark().conf()).containsEntry("spark.executor.memory", "2g");
  }

  @Test
  void includesAreRelativeToTheirFile() throws IOException {
    write("model/wide.conf", "include \"../base/common.conf\"\nmodel.hiddenSize = 96");
    write("base/common.conf", "train.rounds = 3");
    Path file = write("run.conf", "include \"model/wide.conf\"\ntrain.localSteps = 2");
    TrainConfig train = load(file).train();
    assertThat(train.rounds()).isEqualTo(3);
    assertThat(train.localSteps()).isEqualTo(2);
    assertThat(load(file).model().hiddenSize()).isEqualTo(96);
  }

  @Test
  void errorsNameTheFileAndLineOfTheInclude() throws IOException {
    Path included = write("model/wide.conf", "# wide\nmodel.hidenSize = 96");
    Path file = write("run.conf", "include \"model/wide.conf\"");
    assertThatThrownBy(() -> load(file))
        .isInstanceOf(InvalidConfigException.class)
        .hasMessage(included + ":2: model.hidenSize: unknown key; did you mean model.hiddenSize?");
  }

  @Test
  void errorsNameTheCommandLine() throws IOException {
    Path file = write("run.conf", "");
    assertThatThrownBy(() -> load(file, "train.balance.windw=round"))
        .hasMessage(
            "command line: train.balance.windw: unknown key; did you mean train.balance.window?");
    assertThatThrownBy(() -> load(file, "train.learningRate=1"))
        .hasMessage(
            "command line: train.learningRate: unknown key; did you mean"
                + " train.optimizer.learningRate?");
    assertThatThrownBy(() -> load(file, "trian.rounds=1"))
        .hasMessage("command line: trian.rounds: unknown key; did you mean train.rounds?");
    assertThatThrownBy(() -> load(file, "train.balance.window=micro"))
        .hasMessage(
            "command line: train.balance.window: expected one of sequence, micro-batch, step,"
                + " round, round-stale, is 'micro'");
    assertThatThrownBy(() -> load(file, "train.rounds=[1]"))
        .hasMessage("command line: train.rounds: expected a whole number (32 bits), found a list");
    assertThatThrownBy(() -> load(file, "train.rounds=0"))
        .hasMessage("command line: train.rounds must be at least 1, is 0");
    assertThatThrownBy(() -> load(file, "train=5"))
        .hasMessage("command line: train: expected a section { … }, found 5");
    assertThatThrownBy(() -> load(file, "run.id=../x"))
        .hasMessageStartingWith("command line: run.id must be made of letters");
  }

  @Test
  void aBackendAndAPrecisionThatContradictNameTheKeyThatWasSet() throws IOException {
    Path file = write("run.conf", "engine {\n  precision = double\n}");
    assertThatThrownBy(() -> load(file))
        .hasMessage(file + ":2: engine.precision must be float with engine.backend=cpu, is double");
    Path none = write("none.conf", "");
    assertThatThrownBy(() -> load(none, "engine.backend=reference"))
        .hasMessage(
            "command line: engine.backend reference computes in double only:"
                + " it needs engine.precision=double");
    assertThatThrownBy(() -> load(none, "train.backend=nd4j"))
        .hasMessage("command line: train.backend: unknown key; did you mean engine.backend?");
    EngineConfig engine = load(file, "engine.backend=nd4j").engine();
    assertThat(engine).isEqualTo(new EngineConfig(EngineConfig.Backend.ND4J, Precision.DOUBLE));
  }

  @Test
  void averagingIsChosenByItsKeysAndWhatContradictsItselfIsRefused() throws IOException {
    Path file = write("run.conf", "train.averaging { outer = fedspeed, fedspeed.rho = 0 }");
    assertThatThrownBy(() -> load(file))
        .message()
        .endsWith(
            "train.averaging.fedspeed.alpha is 1.0, but with rho = 0 there is no second gradient:"
                + " set both to 0 or neither")
        .hasLineCount(1);
    TrainConfig train = load(file, "train.averaging.fedspeed.alpha=0").train();
    assertThat(train.averaging().outer()).isEqualTo(AveragingConfig.Outer.FEDSPEED);
    assertThatThrownBy(() -> load(file, "train.averaging.outer=diloko"))
        .hasMessage(
            "command line: train.averaging.outer: expected one of mean, diloco, fedspeed, is"
                + " 'diloko'");
    assertThatThrownBy(() -> load(file, "train.optimizer.moments=kept"))
        .hasMessage(
            "command line: train.optimizer.moments: expected one of average, keep, reset, is"
                + " 'kept'");
  }

  @Test
  void aViolatedConstraintNamesTheLineOfItsComponent() throws IOException {
    Path file = write("run.conf", "model {\n  numExperts = 4\n  topK = 5\n}");
    assertThatThrownBy(() -> load(file))
        .hasMessage(file + ":3: model.topK (5) exceeds numExperts (4)");
  }

  @Test
  void aSubstitutedValueIsReportedWhereItWasWritten() throws IOException {
    Path file = write("run.conf", "\nprepare.sequenceLength = long");
    assertThatThrownBy(() -> load(file))
        .hasMessage(
            file + ":2: prepare.sequenceLength: expected a whole number (32 bits), is 'long'");
  }

  @Test
  void filesThatAreNotThere() throws IOException {
    Path absent = directory.resolve("absent.conf");
    assertThatThrownBy(() -> load(absent)).hasMessage(absent + ": no such file");
    assertThatThrownBy(() -> load(directory)).hasMessage(directory + ": not a file");
    Path file = write("run.conf", "include \"model/tny.conf\"");
    assertThatThrownBy(() -> load(file))
        .hasMessage(file + ": include \"model/tny.conf\": no such file");
    Path nested = write("model/nested.conf", "include \"../none.conf\"");
    write("run.conf", "include \"model/nested.conf\"");
    assertThatThrownBy(() -> load(file))
        .hasMessage(nested + ": include \"../none.conf\": no such file");
  }

  @Test
  void brokenSyntaxIsOneLine() throws IOException {
    Path open = write("open.conf", "train {\n  rounds = 3\n");
    assertThatThrownBy(() -> load(open))
        .isInstanceOf(InvalidConfigException.class)
        .hasMessageStartingWith(open + ":3: ")
        .message()
        .hasLineCount(1);
    Path reference = write("reference.conf", "\ntrain.data = ${no.such.key}");
    assertThatThrownBy(() -> load(reference))
        .isInstanceOf(InvalidConfigException.class)
        .hasMessageStartingWith(reference + ":2: ")
        .hasMessageContaining("${no.such.key}");
    assertThatThrownBy(() -> load(open.resolveSibling("reference.conf"), "train.data=[1"))
        .hasMessageStartingWith("command line: ")
        .message()
        .hasLineCount(1);
  }

  @Test
  void renderingsReadBackAsTheSameConfiguration() throws IOException {
    Path file = write("run.conf", "spark.conf { spark.a = 1, \"spark.a.b\" = \"x#y\" }");
    ConfigLayers layers = ConfigLayers.load(Optional.of(file), List.of("run.id=r"));
    assertThat(layers.toHocon()).contains("# H, optimiser steps between two averagings");
    Path hocon = write("saved.conf", layers.toHocon());
    Path json = write("saved.json", layers.toJson());
    assertThat(load(hocon)).isEqualTo(layers.settings());
    assertThat(load(json)).isEqualTo(layers.settings());
  }

  @Test
  void defaultsAndRecordsKnowTheSameKeys() {
    Set<String> written =
        ConfigFactory.parseResources(ConfigLayers.DEFAULTS).resolve().entrySet().stream()
            .map(Map.Entry::getKey)
            .collect(Collectors.toSet());
    assertThat(RecordBinder.keys(Settings.class)).containsAll(written);
  }

  private Path write(String name, String text) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, text);
  }

  private static Settings load(Path file, String... overrides) {
    return ConfigLayers.load(Optional.of(file), List.of(overrides)).settings();
  }
}
