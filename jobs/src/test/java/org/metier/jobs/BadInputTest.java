package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What each command says when its input is bad: one line, an exit code, and nothing is lost. */
class BadInputTest {
  @TempDir Path own;

  private SmallRun small;

  @BeforeEach
  void copy() throws IOException {
    small = SmallRun.copyOfTrained(own);
  }

  @Test
  void aCorpusThatDoesNotExist() {
    String nowhere = own.resolve("nowhere").toString();
    String output = "--prepare.output=" + own.resolve("other");
    small.fail(3, nowhere, "prepare", "--prepare.input=" + nowhere, output);
    assertThat(own.resolve("other")).doesNotExist();
  }

  @Test
  void aCorruptShard() throws IOException {
    Path shard = own.resolve("tokens/train/shard-00000.parquet");
    flipInTheMiddle(shard);
    small.fail(3, "shard-00000.parquet", "train", "--run.directory=" + own.resolve("other"));
    assertThat(own.resolve("other/checkpoints")).doesNotExist();
  }

  @Test
  void aTruncatedHeldOutShardDoesNotMatchItsManifest() throws IOException {
    SmallRun.truncate(own.resolve("tokens/held-out/shard-00000.parquet"));
    small.fail(3, "held-out/shard-00000.parquet", "analyze");
  }

  @Test
  void aManifestOfOtherShards() throws IOException {
    Files.delete(own.resolve("tokens/train/shard-00001.parquet"));
    small.fail(3, "shard-00001.parquet", "train", "--run.directory=" + own.resolve("other"));
  }

  @Test
  void aTruncatedCheckpoint() throws IOException {
    Path file = own.resolve("run/checkpoints/round-000004/model.safetensors");
    SmallRun.truncate(file);
    small.fail(4, "round-000004: model.safetensors has ", "train", "--resume", "--train.rounds=6");
    small.fail(4, "round-000004: model.safetensors has ", "analyze");
    assertThat(file).exists();
  }

  @Test
  void anotherVocabulary() {
    String[] other = {"--model.vocabSize=299", "--run.directory=" + own.resolve("other")};
    small.fail(3, "a vocabulary of 300, model.vocabSize is 299", "train", other[0], other[1]);
  }

  /** As many tokens, but others: neither can the run go on with them, nor is it touched. */
  @Test
  void shardsOfAnotherVocabularyThanTheCheckpoints() {
    String input = "--prepare.input=" + own.resolve("corpus/low.jsonl");
    String output = "--prepare.output=" + own.resolve("others");
    small.succeed("prepare", input, output);
    small.fail(
        3,
        "the checkpoint was trained with another tokenizer than that of " + own.resolve("others"),
        "train",
        "--train.data=" + own.resolve("others"),
        "--resume",
        "--train.rounds=6");
    small.fail(
        3,
        "model.numExperts was 4, is 8 since the checkpoint round-000004",
        "train",
        "--model.numExperts=8",
        "--resume",
        "--train.rounds=6");
  }

  @Test
  void aLearningRateThatDiverges() {
    small.fail(
        5,
        "also when the round was run once more; there is no checkpoint yet",
        "train",
        "--train.optimizer.learningRate=1e30",
        "--train.optimizer.warmupSteps=0",
        "--run.directory=" + own.resolve("other"));
  }

  @Test
  @Timeout(60)
  void aFileSystemThatIsNotThere() {
    String nowhere = "hdfs://localhost:1/metier";
    String why = ": its file system cannot be reached: Connection refused";
    String directory = "run.directory: " + nowhere + why;
    small.fail(4, directory, "train", "--run.directory=" + nowhere);
    small.fail(4, directory, "analyze", "--run.directory=" + nowhere);
    String other = "--run.directory=" + own.resolve("other");
    small.fail(3, nowhere + "/train" + why, "train", "--train.data=" + nowhere, other);
    small.fail(3, "prepare.input: " + nowhere, "prepare", "--prepare.input=" + nowhere, other);
    small.fail(3, "prepare.output: " + nowhere, "prepare", "--prepare.output=" + nowhere, other);
  }

  @Test
  void aTokenizerThatIsNotTheShards() throws IOException {
    Path tokenizer = own.resolve("tokens/tokenizer.json");
    Files.writeString(tokenizer, Files.readString(tokenizer) + "\n");
    small.fail(3, "tokenizer.json", "analyze");
  }

  @Test
  void aModelThatCannotFitIsRefusedBeforeAnythingIsAllocated() {
    String[] huge = {
      "--model.hiddenSize=1024", "--model.numExperts=200", "--model.expertSize=1024"
    };
    String other = "--run.directory=" + own.resolve("other");
    small.fail(2, "set METIER_HEAP=", "train", huge[0], huge[1], huge[2], other);
    assertThat(own.resolve("other/checkpoints")).doesNotExist();
  }

  @Test
  void aRunWithoutCheckpointOrTables() {
    String nowhere = "--run.directory=" + own.resolve("empty");
    small.fail(3, "has no checkpoint; metier train makes one", "analyze", nowhere);
    small.fail(3, "t", "report", nowhere);
  }

  private static void flipInTheMiddle(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    for (int i = bytes.length / 3; i < bytes.length / 3 + 200; i++) {
      bytes[i] ^= 0x55;
    }
    Files.write(file, bytes);
  }
}
