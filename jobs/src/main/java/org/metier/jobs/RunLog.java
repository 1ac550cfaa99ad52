package org.metier.jobs;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import org.apache.logging.log4j.core.config.Configurator;
import org.metier.jobs.config.RunConfig;

/** The file that takes Spark's warnings and our stack traces, so that the console stays ours. */
final class RunLog {
  private final Path file;

  private RunLog(Path file) {
    this.file = file;
  }

  /** {@code logs/metier.log} in the run's directory, or a local file where that is remote. */
  static RunLog of(RunConfig run) {
    String directory = run.directory();
    boolean remote = directory.matches("[a-zA-Z][a-zA-Z0-9+.-]+:/.*");
    Path parent =
        remote
            ? Path.of(System.getProperty("java.io.tmpdir"), "metier-" + run.id())
            : Path.of(directory);
    return new RunLog(parent.resolve("logs").resolve("metier.log"));
  }

  /**
   * Sends all logging here, unless spark-submit or the user has configured it already. A
   * spark-submit that jobs/run has started is to look like jobs/run.
   */
  void captureLogging() {
    boolean submitted =
        System.getProperty("spark.master") != null && System.getProperty("metier.home") == null;
    boolean configured =
        submitted
            || System.getProperty("log4j2.configurationFile") != null
            || System.getProperty("log4j.configurationFile") != null;
    if (configured) {
      return;
    }
    System.setProperty("metier.log", file.toString());
    try {
      URI ours = RunLog.class.getResource("/metier-log4j2.properties").toURI();
      Configurator.reconfigure(ours);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Appends a stack trace and returns where it can be read. */
  Path append(Throwable thrown) throws IOException {
    StringWriter trace = new StringWriter();
    thrown.printStackTrace(new PrintWriter(trace, true));
    Files.createDirectories(file.getParent());
    Files.writeString(
        file, Instant.now() + " " + trace, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    return file;
  }
}
