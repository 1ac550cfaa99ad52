package org.metier.jobs;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Map;
import org.apache.logging.log4j.core.config.Configurator;
import org.metier.jobs.config.RunConfig;

/** The file that takes Spark's warnings and our stack traces, so that the console stays ours. */
final class RunLog {
  private static final Map<RunConfig.LogFormat, String> LAYOUTS =
      Map.of(
          RunConfig.LogFormat.TEXT, "/metier-log4j2.properties",
          RunConfig.LogFormat.JSON, "/metier-log4j2-json.properties");

  private final Path file;
  private final RunConfig run;

  private RunLog(Path file, RunConfig run) {
    this.file = file;
    this.run = run;
  }

  /**
   * {@code logs/metier.log} in the run's directory.
   *
   * @param elsewhere whether to leave that directory alone; so it is where that is remote
   */
  static RunLog of(RunConfig run, boolean elsewhere) {
    String directory = run.directory();
    boolean remote = directory.matches("[a-zA-Z][a-zA-Z0-9+.-]+:/.*");
    Path parent =
        remote || elsewhere
            ? Path.of(System.getProperty("java.io.tmpdir"), "metier-" + run.id())
            : Path.of(directory);
    return new RunLog(parent.resolve("logs").resolve("metier.log"), run);
  }

  /** Takes what a run prints that does not have the terminal to itself. */
  PrintStream console() throws IOException {
    Files.createDirectories(file.getParent());
    return new PrintStream(
        Files.newOutputStream(consoleFile(), StandardOpenOption.CREATE, StandardOpenOption.APPEND),
        true,
        StandardCharsets.UTF_8);
  }

  /** Where {@link #console} writes. */
  Path consoleFile() {
    return file.resolveSibling("console");
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
    System.setProperty("metier.run.id", run.id());
    try {
      URI ours = RunLog.class.getResource(LAYOUTS.get(run.logFormat())).toURI();
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
