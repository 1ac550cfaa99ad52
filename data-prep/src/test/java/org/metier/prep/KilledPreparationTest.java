package org.metier.prep;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.Writer;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.prep.dedup.DeduplicationConfig.Keep;
import org.metier.prep.dedup.DeduplicationConfig.Method;
import org.metier.prep.dedup.DeduplicationConfig.Within;
import org.metier.prep.dedup.DeduplicationFixture;

/** The job as a process of its own, killed with SIGKILL and started again. */
class KilledPreparationTest {
  private static final int FILES = 6;
  private static final int KILLED = 128 + 9;

  @TempDir Path directory;

  @Test
  void killedAndStartedAgainItLeavesTheSameBytesAsAnUndisturbedRun() throws Exception {
    Path input = corpus();
    Path undisturbed = directory.resolve("undisturbed");
    assertThat(start(input, undisturbed).waitFor()).isZero();

    Path output = directory.resolve("killed");
    Path partial = directory.resolve("killed.partial");
    killOnceThereIs("part-.*", partial.resolve("records"), start(input, output));
    killOnceThereIs(".*json", partial.resolve("_finished-shards"), start(input, output));
    assertThat(output).doesNotExist();
    assertThat(start(input, output).waitFor()).isZero();

    Map<String, String> expected = PreparedFiles.contents(undisturbed);
    Map<String, String> found = PreparedFiles.contents(output);
    assertThat(found.keySet())
        .isEqualTo(expected.keySet())
        .contains("train/manifest.json", "tokenizer.json")
        .anyMatch(name -> name.startsWith("tables/rejected/"))
        .anyMatch(name -> name.startsWith("tables/duplicates/"))
        .anyMatch(name -> name.startsWith("tables/prep_report/"));
    found.forEach((name, text) -> assertThat(text).as(name).isEqualTo(expected.get(name)));
  }

  /** Documents of which some are repeated and some are no JSON. */
  private Path corpus() throws IOException {
    Path input = Files.createDirectories(directory.resolve("in"));
    MadeUpText text = new MadeUpText(5);
    String repeated = text.prose(300);
    for (int f = 0; f < FILES; f++) {
      try (Writer out = Files.newBufferedWriter(input.resolve("file-" + f + ".jsonl"))) {
        for (int d = 0; d < 400; d++) {
          String prose = d % 100 == 0 ? repeated : text.prose(300);
          String quoted = prose.replace("\n", "\\n");
          out.write("{\"domain\":\"d" + d % 3 + "\",\"text\":\"" + quoted + "\"}\n");
        }
        out.write("no JSON\n");
      }
    }
    return input;
  }

  private Process start(Path input, Path output) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String argument : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (!argument.startsWith("-agentlib") && !argument.startsWith("-javaagent")) {
        command.add(argument);
      }
    }
    command.add("-XX:TieredStopAtLevel=1"); // no process lives long enough for more
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Job.class.getName()));
    command.addAll(List.of(input.toString(), output.toString()));
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(
            ProcessBuilder.Redirect.appendTo(new File(directory.toFile(), "console.log")))
        .start();
  }

  private void killOnceThereIs(String name, Path parent, Process process) throws Exception {
    while (process.isAlive() && !contains(parent, name)) {
      TimeUnit.MILLISECONDS.sleep(1);
    }
    process.destroyForcibly();
    assertThat(process.waitFor())
        .as(() -> "killed while it worked; console: " + console())
        .isEqualTo(KILLED);
  }

  private static boolean contains(Path parent, String pattern) {
    String[] names = parent.toFile().list((in, name) -> name.matches(pattern));
    return names != null && names.length > 0;
  }

  private String console() {
    try {
      return Files.readString(directory.resolve("console.log"));
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** The process: {@code INPUT OUTPUT}. */
  static final class Job {
    private Job() {}

    public static void main(String[] args) {
      PrepareConfig config =
          new PrepareFixture(Path.of(args[1]), Path.of(args[0]))
              .deduplication(DeduplicationFixture.of(Method.EXACT, Keep.LONGEST, Within.CORPUS, 0))
              .vocabSize(400)
              .sequenceLength(64)
              .sequencesPerShard(512)
              .config();
      new Preparation(LocalSpark.session(), config, Progress.silent()).run();
      LocalSpark.session().stop();
    }
  }
}
