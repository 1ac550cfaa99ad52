package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.metier.jobs.console.Terminal;
import org.metier.model.checkpoint.CorruptCheckpointException;
import org.metier.prep.BadDataException;
import org.metier.train.DivergedException;
import org.metier.train.LostStateException;
import org.metier.train.LostWorkerException;
import org.metier.train.RunStorageException;

class MainTest {
  private static final List<String> COMMANDS =
      List.of("quickstart", "prepare", "train", "analyze", "report", "status", "estimate", "bench");

  @TempDir Path directory;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void helpListsCommandsAndExitCodes() {
    assertThat(run("--help")).isZero();
    assertThat(out()).contains(COMMANDS);
    for (ExitCode code : ExitCode.values()) {
      assertThat(out()).containsPattern(code.code() + " +" + code.meaning());
    }
    assertThat(err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"quickstart", "prepare", "train", "analyze", "report", "estimate", "bench"})
  void everyCommandHasHelp(String command) {
    assertThat(run(command, "--help")).isZero();
    assertThat(out())
        .startsWith("Usage: metier " + command + " [--conf FILE]")
        .contains("--resume", "--show-config", "--verbose", "Exit codes:");
    assertThat(err()).isEmpty();
  }

  @Test
  void versionIsTheBuilds() {
    assertThat(run("--version")).isZero();
    assertThat(out()).matches("metier \\d+\\.\\d+\\.\\S+\\R");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''                            | Missing required subcommand (metier --help
          trian                         | unknown command 'trian'; did you mean train? (metier --help
          --foo                         | unknown option '--foo' (metier --help
          train --foo                   | unknown option '--foo' (metier train --help
          train --rounds=3              | unknown option '--rounds=3'; did you mean --train.rounds? (
          train --run-id                | Missing required parameter for option '--run-id' (ID) (
          train --run-id=               | command line: run.id must be made of letters, digits
          train --resume --fresh        | --resume and --fresh exclude each other
          train --reusme                | unknown option '--reusme'; did you mean --resume? (
          train now                     | unknown option 'now' (metier train --help
          train --conf                  | Missing required parameter for option '--conf' (FILE) (
          train --train.rounds          | --train.rounds needs a value: --train.rounds=VALUE
          train --train.rounds=x        | command line: train.rounds: expected a whole number
          --train.rounds=x train        | command line: train.rounds: expected a whole number
          train --train.balance.windw=x | command line: train.balance.windw: unknown key; did you
          train --conf no/such.conf     | no/such.conf: no such file
          """)
  void wrongUsageIsOneLineAndExitsWithTwo(String line, String message) {
    assertThat(run(line.isEmpty() ? new String[0] : line.split(" "))).isEqualTo(2);
    assertThat(err()).startsWith("metier: " + message).hasLineCount(1);
    assertThat(out()).isEmpty();
  }

  @Test
  void wrongConfigurationNamesFileAndLine() throws IOException {
    Path preset = Files.writeString(directory.resolve("x.conf"), "\ntrain.balance.windw = round\n");
    assertThat(run("train", "--conf", preset.toString())).isEqualTo(2);
    assertThat(err())
        .isEqualToNormalizingNewlines(
            "metier: "
                + preset
                + ":2: train.balance.windw: unknown key; did you mean train.balance.window?\n");
  }

  @Test
  void showsTheResolvedConfiguration() {
    assertThat(run("train", "--show-config", "--run.id=shown", "--train.rounds=77")).isZero();
    assertThat(out())
        .contains("# rounds of the whole run", "rounds=77", "directory=\"runs/shown\"");
  }

  @Test
  void aJobIsGivenItsSettings() {
    int code =
        run(
            job(
                context -> {
                  context.out().println(context.settings().train().rounds());
                  context.out().println(context.fresh());
                  context.out().println(context.settings().run().id());
                }),
            "--train.rounds=5",
            "--fresh",
            "--run-id",
            "mine");
    assertThat(code).isZero();
    assertThat(out().lines()).containsExactly("5", "true", "mine");
  }

  @Test
  void badDataIsOneLineAndExitsWithThree() {
    assertThat(run(failing(new BadDataException("a.jsonl:7: no text")))).isEqualTo(3);
    assertThat(err()).isEqualToNormalizingNewlines("metier: a.jsonl:7: no text\n");
  }

  @Test
  void badDataIsFoundBehindWhatSparkWrapsAroundIt() {
    RuntimeException wrapped =
        new RuntimeException(
            "Job aborted\nDriver stacktrace:", new BadDataException("shard 3: corrupt"));
    assertThat(run(failing(wrapped))).isEqualTo(3);
    assertThat(err()).isEqualToNormalizingNewlines("metier: shard 3: corrupt\n");
  }

  @Test
  void whatASchedulerTellsApart() {
    assertThat(run(failing(new CorruptCheckpointException("round-000002: cut", null))))
        .isEqualTo(4);
    assertThat(run(failing(new RunStorageException("runs/a: No space left", null)))).isEqualTo(4);
    assertThat(run(failing(new DivergedException("round 3: the loss is NaN")))).isEqualTo(5);
    assertThat(run(failing(new LostWorkerException("round 3: worker 1 is gone")))).isEqualTo(7);
    assertThat(run(failing(new LostStateException("round 3: lost", null)))).isEqualTo(7);
  }

  @Test
  void anUnexpectedFailureIsOneLineAndALog() {
    assertThat(run(failing(new IllegalStateException("first\nsecond")))).isEqualTo(1);
    Path log = directory.resolve("run/logs/metier.log");
    assertThat(err())
        .isEqualToNormalizingNewlines(
            "metier: unexpected IllegalStateException: first; stack trace in " + log + "\n");
    assertThat(log).content().contains("IllegalStateException: first", "second", "at org.metier");
  }

  @Test
  void verbosePrintsTheStackTraceToo() {
    assertThat(run(failing(new IllegalStateException("why")), "--verbose")).isEqualTo(1);
    assertThat(err()).contains("java.lang.IllegalStateException: why", "at org.metier.jobs");
  }

  @Test
  void tooLittleMemoryNamesItsRemedy() {
    assertThat(run(failing(new RuntimeException(new OutOfMemoryError("Java heap space")))))
        .isEqualTo(1);
    assertThat(err()).contains("out of memory", "Java heap space", "METIER_HEAP").hasLineCount(1);
  }

  private int run(String... args) {
    return Main.run(terminal(), printer(err), args);
  }

  private int run(Job job, String... options) {
    String[] args = new String[options.length + 2];
    args[0] = job.name();
    args[1] = "--run.directory=" + directory.resolve("run");
    System.arraycopy(options, 0, args, 2, options.length);
    return Main.run(List.of(job), terminal(), printer(err), args);
  }

  private static Job failing(RuntimeException exception) {
    return job(
        context -> {
          throw exception;
        });
  }

  private static Job job(Consumer<JobContext> work) {
    return new Job() {
      @Override
      public String name() {
        return "probe";
      }

      @Override
      public String purpose() {
        return "Does what a test wants.";
      }

      @Override
      public void run(JobContext context) {
        work.accept(context);
      }
    };
  }

  private Terminal terminal() {
    return new Terminal(printer(out), false, 80);
  }

  private static PrintStream printer(ByteArrayOutputStream bytes) {
    return new PrintStream(bytes, true, StandardCharsets.UTF_8);
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8);
  }
}
