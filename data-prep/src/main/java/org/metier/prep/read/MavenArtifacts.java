package org.metier.prep.read;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.metier.prep.BadDataException;
import org.metier.prep.Progress;

/**
 * Fetches artifacts with the user's own Maven, so with their settings, mirrors and credentials, in
 * one call for all of them.
 */
final class MavenArtifacts {
  private static final String PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";
  private static final String POM =
      """
      <project xmlns="http://maven.apache.org/POM/4.0.0">
        <modelVersion>4.0.0</modelVersion>
        <groupId>org.metier.corpus</groupId>
        <artifactId>artifacts</artifactId>
        <version>1</version>
        <packaging>pom</packaging>
        <build><plugins><plugin>
          <groupId>org.apache.maven.plugins</groupId>
          <artifactId>maven-dependency-plugin</artifactId>
          <configuration>
            <outputDirectory>${project.basedir}/incoming</outputDirectory>
            <artifactItems>
      %s      </artifactItems>
          </configuration>
        </plugin></plugins></build>
      </project>
      """;

  private final Path cache;
  private final Progress progress;

  MavenArtifacts(Path cache, Progress progress) {
    this.cache = cache.toAbsolutePath();
    this.progress = progress;
  }

  /**
   * Brings the artifacts of all sources into the cache.
   *
   * @throws BadDataException if Maven cannot, naming the artifact
   */
  void fetch(List<ArtifactSource> sources) throws IOException {
    Map<String, ArtifactSource> missing = new LinkedHashMap<>();
    for (ArtifactSource source : sources) {
      if (!Files.exists(cache.resolve(source.fileName()))) {
        missing.put(source.artifact(), source);
      }
    }
    if (missing.isEmpty()) {
      return;
    }
    Path incoming = Files.createDirectories(cache.resolve("incoming"));
    for (ArtifactSource source : missing.values()) {
      Files.deleteIfExists(incoming.resolve(source.fileName())); // maybe half a file
    }
    String items =
        missing.values().stream().map(MavenArtifacts::item).collect(Collectors.joining());
    Files.writeString(cache.resolve("pom.xml"), String.format(POM, items));
    progress.stage("fetch", missing.size(), "artifacts");
    runMaven(missing, incoming);
    for (ArtifactSource source : missing.values()) {
      Path file = incoming.resolve(source.fileName());
      if (!Files.exists(file)) {
        throw failure(source.artifact(), "Maven brought no file");
      }
      Files.move(file, cache.resolve(source.fileName()), StandardCopyOption.REPLACE_EXISTING);
    }
    progress.advance(missing.size());
    progress.done(missing.size() + " artifacts");
  }

  private static String item(ArtifactSource source) {
    String[] parts = source.artifact().split(":");
    return "<artifactItem>"
        + element("groupId", parts[0])
        + element("artifactId", parts[1])
        + element("version", parts[2])
        + (parts.length == 4 ? element("classifier", parts[3]) : "")
        + element("destFileName", source.fileName())
        + "</artifactItem>\n";
  }

  private static String element(String name, String text) {
    String escaped = text.replace("&", "&amp;").replace("<", "&lt;");
    return "<" + name + ">" + escaped + "</" + name + ">";
  }

  private void runMaven(Map<String, ArtifactSource> missing, Path incoming) throws IOException {
    boolean windows = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("windows");
    Path log = cache.resolve("maven.log");
    ProcessBuilder maven =
        new ProcessBuilder(
                windows ? "mvn.cmd" : "mvn",
                "-B",
                "-ntp",
                "-f",
                cache.resolve("pom.xml").toString(),
                PLUGIN + ":copy")
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    Process process;
    try {
      process = maven.start();
    } catch (IOException e) {
      throw new BadDataException(
          "corpus.sources: Maven is needed to fetch "
              + String.join(", ", missing.keySet())
              + ", but mvn does not start: "
              + e.getMessage(),
          e);
    }
    try {
      while (!process.waitFor(500, TimeUnit.MILLISECONDS)) {
        progress.advance(
            missing.values().stream()
                .filter(source -> Files.exists(incoming.resolve(source.fileName())))
                .count());
      }
    } catch (InterruptedException e) {
      process.destroy();
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while Maven was fetching", e);
    }
    if (process.exitValue() != 0) {
      throw failure(missing, log);
    }
  }

  /** Says which artifact it was, if Maven's words tell. */
  private static BadDataException failure(Map<String, ArtifactSource> missing, Path log)
      throws IOException {
    String error =
        new String(Files.readAllBytes(log), StandardCharsets.UTF_8)
            .lines()
            .filter(line -> line.contains("ERROR"))
            .findFirst()
            .orElse("no error message")
            .replaceAll("\u001b\\[[0-9;]*m", "")
            .replace("[ERROR]", "")
            .strip();
    String blamed =
        missing.keySet().stream()
            .filter(artifact -> names(error, artifact))
            .findFirst()
            .orElse(String.join(", ", missing.keySet()));
    return failure(blamed, error + " (all of it: " + log + ")");
  }

  /** Maven writes {@code groupId:artifactId:type[:classifier]:version}. */
  private static boolean names(String error, String artifact) {
    String[] parts = artifact.split(":");
    String classifier = parts.length == 4 ? ":" + parts[3] : "";
    return error.contains(parts[0] + ":" + parts[1] + ":jar" + classifier + ":" + parts[2]);
  }

  private static BadDataException failure(String artifact, String why) {
    return new BadDataException("corpus.sources: " + artifact + " cannot be fetched: " + why);
  }
}
