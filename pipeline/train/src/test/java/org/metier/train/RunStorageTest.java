package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.metier.prep.BadDataException;
import org.metier.prep.shard.ShardManifest;
import org.metier.train.AveragingConfig.Outer;
import org.metier.train.TrainConfig.Moments;
import org.metier.train.TrainConfig.Window;

/** Disks that are full and servers that are not there: one line, and nothing lost. */
@Timeout(600) // a hang, and not a busy machine
class RunStorageTest {
  @TempDir static Path shared;
  @TempDir Path directory;
  private static String data;

  @BeforeAll
  static void prepare() {
    data = TrainFixture.prepared(shared);
    TrainFixture.spark()
        .sparkContext()
        .hadoopConfiguration()
        .set("fs.quota.impl", QuotaFileSystem.class.getName());
  }

  /** A file system that counts bytes; what workers keep is written by their tasks. */
  @ParameterizedTest
  @EnumSource(
      value = Moments.class,
      names = {"AVERAGE", "KEEP"})
  void aFullDiskEndsTheRunAndRoomContinuesItToTheSameBits(Moments moments) throws IOException {
    TrainConfig config = config(moments);
    float[] undisturbed = values(directory.resolve("straight").toString(), config, false);
    String full = "quota:" + directory.resolve("full");
    QuotaFileSystem.room(500_000);
    assertFull(full, config);
    QuotaFileSystem.room(Long.MAX_VALUE);
    assertThat(values(full, config, true)).isEqualTo(undisturbed);
  }

  /** The real thing, where this process may mount. */
  @Test
  void aFullTmpfsDoesSo() throws Exception {
    Path mount = Files.createDirectory(directory.resolve("tmpfs"));
    assumeTrue(command("mount", "-t", "tmpfs", "-o", "size=560k", "tmpfs", mount.toString()) == 0);
    try {
      TrainConfig config = config(Moments.AVERAGE);
      float[] undisturbed = values(directory.resolve("straight").toString(), config, false);
      String full = mount.resolve("run").toString();
      assertFull(full, config);
      assumeTrue(command("mount", "-o", "remount,size=8m", mount.toString()) == 0);
      assertThat(values(full, config, true)).isEqualTo(undisturbed);
    } finally {
      command("umount", mount.toString());
    }
  }

  /** A checkpoint takes 0.2 MB: the first two fit. */
  private static TrainConfig config(Moments moments) {
    TrainConfig c =
        TrainFixture.train(
            data, 2, 1, 4, Window.ROUND, moments, TrainFixture.averaging(Outer.MEAN));
    return TrainFixture.saved(c, 4, 1, 9);
  }

  private void assertFull(String root, TrainConfig config) throws IOException {
    assertThatThrownBy(() -> train(root, config, false))
        .isInstanceOf(RunStorageException.class)
        .hasMessageMatching(
            ".*: round [234] could not be saved: No space left on device; the checkpoint"
                + " round-00000[123] is kept, mend that and start it again");
    RunDirectory run = run(root);
    List<org.apache.hadoop.fs.Path> kept = run.checkpoints();
    assertThat(kept).isNotEmpty();
    for (org.apache.hadoop.fs.Path checkpoint : kept) {
      Checkpoint.read(run, checkpoint); // whole
    }
    try (var all = Files.list(Path.of(run.root().toUri().getPath()).resolve("checkpoints"))) {
      assertThat(all.filter(p -> p.getFileName().toString().startsWith(".")))
          .as("the room of what could not be finished is free again")
          .isEmpty();
    }
  }

  @Test
  void aFileSystemThatIsNotThereIsOneLine() {
    assertThatThrownBy(() -> run("hdfs://localhost:1/runs/a"))
        .isInstanceOf(RunStorageException.class)
        .hasMessage(
            "run.directory: hdfs://localhost:1/runs/a: its file system cannot be reached:"
                + " Connection refused");
    org.apache.hadoop.fs.Path split = new org.apache.hadoop.fs.Path("hdfs://localhost:1/d/train");
    assertThatThrownBy(() -> ShardManifest.read(split, new Configuration()))
        .isInstanceOf(BadDataException.class)
        .hasMessage(
            "hdfs://localhost:1/d/train: its file system cannot be reached: Connection refused");
    assertThatThrownBy(() -> run("nosuch://host/runs"))
        .isInstanceOf(RunStorageException.class)
        .hasMessageContaining("nosuch://host/runs: its file system cannot be reached: ")
        .hasMessageContaining("\"nosuch\"");
  }

  /** A host that answers nothing at all: Hadoop's own patience would be 45 times 20 seconds. */
  @Test
  @Timeout(120)
  void aServerThatIsSilentIsGivenUpWithinSeconds() throws IOException {
    InetAddress here = InetAddress.getLoopbackAddress();
    List<Socket> waiting = new ArrayList<>();
    try (ServerSocket silent = new ServerSocket(0, 1, here)) {
      int port = silent.getLocalPort();
      boolean full = false;
      while (!full && waiting.size() < 64) { // nobody accepts: then the queue is full
        Socket next = new Socket();
        waiting.add(next);
        try {
          next.connect(new InetSocketAddress(here, port), 300);
        } catch (SocketTimeoutException e) {
          full = true;
        }
      }
      assumeTrue(full, "this system's queue of connections has no end");
      assertThatThrownBy(() -> run("hdfs://127.0.0.1:" + port + "/runs"))
          .isInstanceOf(RunStorageException.class)
          .hasMessageContaining(": its file system cannot be reached: ")
          .hasMessageContaining("timeout");
    } finally {
      for (Socket socket : waiting) {
        socket.close();
      }
    }
  }

  private static int command(String... words) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
    process.getInputStream().readAllBytes();
    return process.waitFor(10, TimeUnit.SECONDS) ? process.exitValue() : -1;
  }

  private static float[] values(String root, TrainConfig config, boolean resume)
      throws IOException {
    return Checkpoint.read(run(root), train(root, config, resume).checkpoint()).state().values();
  }

  private static Training.Result train(String root, TrainConfig config, boolean resume)
      throws IOException {
    return new Training(
            TrainFixture.spark(),
            "stored",
            run(root),
            TrainFixture.engine(),
            TrainFixture.model(),
            config,
            TrainFixture.silent())
        .run(resume);
  }

  private static RunDirectory run(String root) {
    return new RunDirectory(root, TrainFixture.spark().sparkContext().hadoopConfiguration());
  }
}
