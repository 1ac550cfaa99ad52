package org.metier.jobs.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;

/** Hadoop's MiniDFSCluster, a NameNode and a DataNode, in a process of its own. */
final class Hdfs implements AutoCloseable {
  private final Program program;
  private final String uri;

  private Hdfs(Program program, String uri) {
    this.program = program;
    this.uri = uri;
  }

  static Hdfs start(Installation installation, Path directory) {
    Path details = directory.resolve("hdfs.json");
    List<String> command =
        installation.java(
            "256m", installation.hdfsClassPath(), "org.apache.hadoop.test.MiniDFSClusterManager");
    command.add(command.size() - 1, "-Dtest.build.data=" + directory.resolve("hdfs"));
    command.addAll(List.of("-datanodes", "1", "-format", "-writeDetails", details.toString()));
    Program program = Program.start("hdfs", directory, Map.of(), command);
    Pattern port = Pattern.compile("\"namenode_port\":(\\d+)");
    Matcher found =
        program.await(
            details.toString(),
            120,
            () -> Optional.of(port.matcher(text(details))).filter(Matcher::find));
    return new Hdfs(program, "hdfs://127.0.0.1:" + found.group(1));
  }

  /** {@code hdfs://HOST:PORT}. */
  String uri() {
    return uri;
  }

  /** The file system as this process sees it. */
  FileSystem files() {
    try {
      return new org.apache.hadoop.fs.Path(uri).getFileSystem(new Configuration());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String text(Path file) {
    try {
      return Files.exists(file) ? Files.readString(file) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    program.close();
  }
}
