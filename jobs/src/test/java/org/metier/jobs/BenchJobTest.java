package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.jobs.console.Terminal;

/** {@code metier bench} and {@code --model} from the command line. */
class BenchJobTest {
  private static final String NUMBER = "(\\d+(?:\\.\\d+)?)";

  @TempDir Path directory;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private String homeBefore;

  /** The launcher says where the presets are; surefire runs in the module's directory. */
  @BeforeEach
  void setHome() {
    homeBefore = System.getProperty("metier.home");
    System.setProperty("metier.home", "..");
  }

  @AfterEach
  void restoreHome() {
    if (homeBefore == null) {
      System.clearProperty("metier.home");
    } else {
      System.setProperty("metier.home", homeBefore);
    }
  }

  @Test
  void speedAndMemoryAreALineEach() {
    assertThat(bench()).isZero();
    assertThat(err()).isEmpty();
    List<String> result = result();
    assertThat(result).hasSize(2);
    Matcher speed =
        matched(
            "metier cpu 2 x 1 threads: "
                + NUMBER
                + "M params \\("
                + NUMBER
                + "M active w/o embedding\\) "
                + NUMBER
                + " tokens/s "
                + NUMBER
                + " ms/step "
                + NUMBER
                + " GFLOP/s loss "
                + NUMBER,
            result.get(0));
    // two workers, two sequences of 32 tokens each
    double tokens = number(speed, 3) * number(speed, 4) / 1e3;
    // both are printed without decimals
    double rounding = 0.5 * (number(speed, 3) + number(speed, 4)) / 1e3 + 1;
    assertThat(tokens).isBetween(128 - rounding, 128 + rounding);
    Matcher memory =
        matched(
            "metier memory: "
                + NUMBER
                + " MB allocated per step and worker, heap at most (\\d+) of (\\d+) MiB in use",
            result.get(1));
    assertThat(number(memory, 2)).isPositive().isLessThanOrEqualTo(number(memory, 3));
    assertThat(out()).contains("warm-up: ", "timing: ");
  }

  @Test
  void aProfileTellsWhereTheTimeGoes() {
    assertThat(bench("--profile")).isZero();
    assertThat(err()).isEmpty();
    List<String> lines = result();
    assertThat(lines.get(2)).startsWith("peak of this run: ").endsWith("shared by 2 workers");
    assertThat(lines.get(3)).startsWith("op ").contains("calls/step", "of peak");
    List<String> ops = lines.subList(4, lines.size() - 2);
    assertThat(ops).anyMatch(line -> line.matches("attentionBackward +2\\.0 .* GFLOP/s .*"));
    assertThat(ops).anyMatch(line -> line.matches("adamW +2\\.0 .* GB/s .*"));
    double sum = 0;
    double previous = Double.MAX_VALUE;
    for (String op : ops) {
      double milliseconds = Double.parseDouble(op.strip().split(" +")[2]);
      assertThat(milliseconds).isPositive().isLessThanOrEqualTo(previous);
      previous = milliseconds;
      sum += Double.parseDouble(op.strip().split(" +")[3]);
    }
    Matcher shares =
        matched(
            "products, attention and cross-entropy "
                + NUMBER
                + " %, elementwise "
                + NUMBER
                + " %, outside the kernels "
                + NUMBER
                + " %",
            lines.get(lines.size() - 2));
    double inside = number(shares, 1) + number(shares, 2);
    // each of some thirty shares is printed to 0.1
    assertThat(sum).isBetween(inside - 2, inside + 2);
    assertThat(inside + number(shares, 3)).isBetween(99.8, 100.2);
    matched(
        "whole step: " + NUMBER + " GFLOP/s, " + NUMBER + " % of the peak",
        lines.get(lines.size() - 1));
  }

  @Test
  void modelsGoByName() {
    assertThat(run("bench", "--model", "small", "--show-config", "--train.rounds=7")).isZero();
    assertThat(out()).contains("expertSize=256", "vocabSize=8192", "sequenceLength=512");
    assertThat(out()).contains("rounds=7", "batchSequences=8", "profile=false");
  }

  @Test
  void theModelGoesBeforeTheRunsOwn() {
    assertThat(run("train", "--model=medium", "--conf=../conf/quickstart.conf", "--show-config"))
        .isZero();
    assertThat(out()).contains("expertSize=512", "numExperts=32", "batchSequences=2");
  }

  @Test
  void anUnknownModelListsThoseThatThereAre() {
    assertThat(run("bench", "--model=huge")).isEqualTo(2);
    assertThat(err())
        .isEqualToNormalizingNewlines(
            "metier: --model: 'huge' is no preset in "
                + Path.of("..", "conf", "model")
                + ", which has medium, nano, small, tiny\n");
  }

  @Test
  void stepsThatCannotBeAreRefused() {
    assertThat(run("bench", "--bench.warmupSeconds=-1")).isEqualTo(2);
    assertThat(err())
        .startsWith("metier: command line: bench.warmupSeconds must not be negative, is -1.0")
        .hasLineCount(1);
  }

  /** A short run of a small model. */
  private int bench(String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "bench",
                "--prepare.vocabSize=300",
                "--prepare.sequenceLength=32",
                "--model.hiddenSize=16",
                "--model.numLayers=2",
                "--model.numHeads=2",
                "--model.numKvHeads=1",
                "--model.headDim=8",
                "--model.numExperts=4",
                "--model.expertSize=16",
                "--train.batchSequences=2",
                "--train.workers=2",
                "--bench.warmupSeconds=0.2",
                "--bench.steps=3"));
    args.addAll(List.of(more));
    return run(args.toArray(String[]::new));
  }

  private int run(String... args) {
    String[] all = new String[args.length + 1];
    System.arraycopy(args, 0, all, 0, args.length);
    all[args.length] = "--run.directory=" + directory.resolve("run");
    return Main.run(new Terminal(printer(out), false, 80), printer(err), all);
  }

  /** What follows the progress lines. */
  private List<String> result() {
    return out().lines().dropWhile(line -> !line.startsWith("metier ")).toList();
  }

  private static Matcher matched(String pattern, String line) {
    Matcher matcher = Pattern.compile(pattern).matcher(line);
    assertThat(matcher.matches()).as("'%s' matches %s", line, pattern).isTrue();
    return matcher;
  }

  private static double number(Matcher matcher, int group) {
    return Double.parseDouble(matcher.group(group));
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
