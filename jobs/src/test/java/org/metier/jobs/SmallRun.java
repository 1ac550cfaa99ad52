package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.metier.jobs.console.Terminal;

/** The commands with a tiny model on made-up text, in one directory, and what they said. */
public final class SmallRun {
  /** A vocabulary, a sequence and a model that cost a second or two. */
  static final List<String> TINY =
      List.of(
          "--prepare.vocabSize=300",
          "--prepare.sequenceLength=32",
          "--prepare.heldOutShare=0.2",
          "--model.hiddenSize=16",
          "--model.numLayers=2",
          "--model.numHeads=2",
          "--model.numKvHeads=1",
          "--model.headDim=8",
          "--model.numExperts=4",
          "--model.expertSize=16",
          "--train.batchSequences=4",
          "--spark.conf.spark.sql.shuffle.partitions=2");

  private static final List<String> SHORT =
      List.of(
          "--prepare.sequencesPerShard=200",
          "--train.localSteps=2",
          "--train.rounds=4",
          "--train.checkpointEvery=2",
          "--analyze.maxSequences=50",
          "--spark.conf.spark.ui.enabled=false");

  private static Path trained;

  private final Path root;
  private final List<String> options;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  /**
   * @param root holds corpus, tokens and run
   * @param options for every command, behind {@link #TINY}
   */
  SmallRun(Path root, List<String> options) {
    this.root = root;
    this.options = options;
  }

  /** A run that is prepared, trained, analysed and reported once for all tests; they copy it. */
  static synchronized Path trained() throws IOException {
    if (trained == null) {
      Path directory = Path.of("target/small-run").toAbsolutePath();
      delete(directory);
      writeCorpus(directory.resolve("corpus"), 300);
      SmallRun first = new SmallRun(directory, SHORT);
      for (String command : List.of("prepare", "train", "analyze", "report")) {
        int code = first.run(command);
        assertThat(code).as("%s: %s", command, first.err()).isZero();
      }
      Files.writeString(directory.resolve("console"), first.out());
      trained = directory;
    }
    return trained;
  }

  /** A copy of {@link #trained()}, to go on with or to damage. */
  static SmallRun copyOfTrained(Path root) throws IOException {
    Path from = trained();
    try (var walk = Files.walk(from)) {
      for (Path path : walk.toList()) {
        Path to = root.resolve(from.relativize(path).toString());
        if (Files.isDirectory(path)) {
          Files.createDirectories(to);
        } else {
          Files.copy(path, to);
        }
      }
    }
    return new SmallRun(root, SHORT);
  }

  int run(String command, String... more) {
    List<String> args = new ArrayList<>(List.of(command));
    args.addAll(TINY);
    args.addAll(options);
    args.add("--run.id=t");
    args.add("--run.directory=" + root.resolve("run"));
    args.add("--prepare.input=" + root.resolve("corpus"));
    args.add("--prepare.output=" + root.resolve("tokens"));
    args.addAll(List.of(more));
    Terminal terminal = new Terminal(new PrintStream(out, true), false, 120);
    return Main.run(terminal, new PrintStream(err, true), args.toArray(String[]::new));
  }

  /** The command succeeds. */
  void succeed(String command, String... more) {
    assertThat(run(command, more)).as(() -> command + ": " + err()).isZero();
  }

  /** Exit code, exactly one line on stderr that says where, and nothing in the run changed. */
  void fail(int code, String message, String command, String... more) {
    TreeMap<String, Long> before = files();
    err.reset();
    assertThat(run(command, more)).as(this::err).isEqualTo(code);
    assertThat(err()).startsWith("metier: ").contains(message).hasLineCount(1);
    assertThat(files()).isEqualTo(before);
  }

  /** What the commands have said since {@link #forget}. */
  String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  void forget() {
    out.reset();
    err.reset();
  }

  /** Size by name of the run's files; logs, the lease and what has ended are left out. */
  TreeMap<String, Long> files() {
    TreeMap<String, Long> sizes = new TreeMap<>();
    Path run = root.resolve("run");
    if (!Files.exists(run)) {
      return sizes;
    }
    try (var walk = Files.walk(run)) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        if (!file.toString().matches(".*/(logs|lease|finished)/.*")) {
          sizes.put(file.toString(), Files.size(file));
        }
      }
      return sizes;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Two domains with words of their own, a JSONL file each. */
  static void writeCorpus(Path directory, int documentsOfDomain) throws IOException {
    Files.createDirectories(directory);
    for (String domain : List.of("low", "high")) {
      Files.writeString(
          directory.resolve(domain + ".jsonl"), madeUp(domain, documentsOfDomain, 40));
    }
  }

  /** JSONL with the fields text and domain; the same lines at every call. */
  public static String madeUp(String domain, int documents, int words) {
    Random random = new Random(domain.hashCode());
    StringBuilder lines = new StringBuilder();
    for (int document = 0; document < documents; document++) {
      lines.append("{\"domain\":\"").append(domain).append("\",\"text\":\"");
      for (int i = 0; i < words; i++) {
        int word = (int) (60 * random.nextDouble() * random.nextDouble());
        lines.append(domain.charAt(0)).append(Integer.toString(word * word + 7, 36)).append(' ');
      }
      lines.append("\"}\n");
    }
    return lines.toString();
  }

  /** Half of the file is gone. */
  static void truncate(Path file) throws IOException {
    try (RandomAccessFile random = new RandomAccessFile(file.toFile(), "rw")) {
      random.setLength(random.length() / 2);
    }
  }

  private static void delete(Path directory) throws IOException {
    if (Files.exists(directory)) {
      try (var walk = Files.walk(directory)) {
        for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
  }
}
