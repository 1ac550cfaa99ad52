package org.metier.jobs.cluster;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/**
 * A Spark installation out of the jars that Maven resolved, and ours as {@code package} made them.
 *
 * @param target the module's build directory
 * @param home {@code SPARK_HOME}: {@code jars/} holds links to Spark and all that it brings, and
 *     nothing that a user has to bring
 * @param jars what {@code spark-submit} is given as {@code --jars}
 */
record Installation(Path target, Path home, List<Path> jars) {

  /**
   * Reads {@code target/launch} and makes {@code target/cluster/spark}; skips the test where the
   * profile is not {@code cluster}.
   */
  static Installation ofThisBuild() {
    String directory = System.getProperty("metier.target");
    assumeTrue(directory != null, "needs the profile cluster");
    Path target = Path.of(directory);
    try {
      List<Path> ours = paths(target.resolve("launch/jars"), ",");
      Set<Path> sparks =
          new LinkedHashSet<>(paths(target.resolve("launch/classpath"), pathSeparator()));
      sparks.removeAll(ours);
      Path home = target.resolve("cluster/spark");
      Path links = Files.createDirectories(home.resolve("jars"));
      try (Stream<Path> old = Files.list(links)) {
        for (Path link : old.toList()) {
          Files.delete(link);
        }
      }
      for (Path jar : sparks) {
        Files.createSymbolicLink(links.resolve(jar.getFileName()), jar);
      }
      List<Path> jars = new ArrayList<>(ours);
      jars.add(testJar(target));
      return new Installation(target, home, List.copyOf(jars));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Without the largest jars, which runs with {@code engine.backend = cpu} can do without. */
  Installation withoutNd4j() {
    List<Path> small = jars.stream().filter(jar -> !jar.toString().contains("nd4j")).toList();
    return new Installation(target, home, small);
  }

  /** A preset that users are shown. */
  static String preset(String name) {
    return Path.of("..", "conf", "spark", name).toAbsolutePath().normalize().toString();
  }

  /** An empty directory in {@code target/cluster}, which stays when the tests have ended. */
  Path emptied(String name) throws IOException {
    Path directory = target.resolve("cluster").resolve(name);
    if (Files.exists(directory)) {
      try (Stream<Path> files = Files.walk(directory)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
    return Files.createDirectories(directory);
  }

  /** The jar of the mains. */
  Path application() {
    try (Stream<Path> files = Files.list(target)) {
      return files
          .filter(file -> file.getFileName().toString().matches("metier-jobs-.*(?<!sources)\\.jar"))
          .findFirst()
          .orElseThrow(() -> new AssertionError("no metier-jobs jar in " + target));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The servers of HDFS and what they need. */
  String hdfsClassPath() {
    return target.resolve("hdfs") + "/*" + pathSeparator() + classPath();
  }

  /** All of Spark. */
  String classPath() {
    return home.resolve("jars") + "/*";
  }

  /** What {@code bin/spark-class} would set; {@code host} is this process's own address. */
  Map<String, String> environment(String host) {
    return Map.of(
        "JAVA_HOME",
        System.getProperty("java.home"),
        "SPARK_HOME",
        home.toString(),
        "SPARK_SCALA_VERSION",
        "2.12",
        "SPARK_LOCAL_IP",
        host);
  }

  /** A JVM that starts fast and stays small; the module flags are those of {@code jobs/run}. */
  List<String> java(String heap, String classPath, String main) {
    return new ArrayList<>(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx" + heap,
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "@" + target.resolve("launch/jvm.args"),
            "-cp",
            classPath,
            main));
  }

  /** {@link DisturbedHdfs} as a jar, so that it travels as every user's classes do. */
  private static Path testJar(Path target) throws IOException {
    Path jar = target.resolve("cluster/disturbed.jar");
    String name = DisturbedHdfs.class.getName().replace('.', '/') + ".class";
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file)) {
      out.putNextEntry(new JarEntry(name));
      Files.copy(target.resolve("test-classes").resolve(name), out);
      out.closeEntry();
    }
    return jar;
  }

  private static List<Path> paths(Path file, String separator) throws IOException {
    return Arrays.stream(Files.readString(file).strip().split(separator)).map(Path::of).toList();
  }

  private static String pathSeparator() {
    return File.pathSeparator;
  }
}
