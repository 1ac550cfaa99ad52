package org.metier.jobs.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A process of its own whose output goes to {@code NAME.out} and {@code NAME.err}. Waits count
 * polls and not the clock: a machine that stands still for a minute costs one poll.
 */
final class Program implements AutoCloseable {
  private static final int POLL_MILLIS = 100;

  private final String name;
  private final Process process;
  private final Path out;
  private final Path err;

  private Program(String name, Process process, Path out, Path err) {
    this.name = name;
    this.process = process;
    this.out = out;
    this.err = err;
  }

  /**
   * @param environment added to this process's, from which all of Spark's and Hadoop's is taken
   */
  static Program start(
      String name, Path directory, Map<String, String> environment, List<String> command) {
    try {
      Files.createDirectories(directory);
      Path out = directory.resolve(name + ".out");
      Path err = directory.resolve(name + ".err");
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectOutput(out.toFile())
              .redirectError(err.toFile());
      builder.environment().keySet().removeIf(key -> key.matches("(SPARK|HADOOP)_.*"));
      builder.environment().putAll(environment);
      Program program = new Program(name, builder.start(), out, err);
      Runtime.getRuntime().addShutdownHook(new Thread(program::close));
      return program;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The first groups of {@code pattern} in this program's stderr, once they are there. */
  Matcher awaitInErr(String pattern, int seconds) {
    Pattern compiled = Pattern.compile(pattern);
    return await(
        "'" + pattern + "' in " + err,
        seconds,
        () -> Optional.of(compiled.matcher(err())).filter(Matcher::find));
  }

  /**
   * Asks until there is an answer.
   *
   * @throws AssertionError if there is none in time, or this program ends without
   */
  <T> T await(String what, int seconds, Supplier<Optional<T>> question) {
    for (int poll = 0; poll < seconds * (1000 / POLL_MILLIS); poll++) {
      boolean alive = process.isAlive();
      Optional<T> answer = question.get();
      if (answer.isPresent()) {
        return answer.get();
      }
      if (!alive) {
        throw new AssertionError(
            "%s ended with %d without %s; its last words: %s"
                .formatted(name, process.exitValue(), what, lastWords()));
      }
      sleep();
    }
    throw new AssertionError("no %s within %d s".formatted(what, seconds));
  }

  /** Its exit code, once it has ended. */
  int finish(int seconds) {
    return await(
        "end of " + name,
        seconds,
        () -> process.isAlive() ? Optional.empty() : Optional.of(process.exitValue()));
  }

  /** SIGKILL. */
  void kill() {
    process.destroyForcibly();
    finish(30);
  }

  String out() {
    return read(out);
  }

  String err() {
    return read(err);
  }

  /** The last lines of what it wrote. */
  String lastWords() {
    List<String> lines = (out() + err()).lines().toList();
    return String.join("\n", lines.subList(Math.max(0, lines.size() - 30), lines.size()));
  }

  /** SIGTERM, so that Spark's Worker ends its executors, and SIGKILL for who does not listen. */
  @Override
  public void close() {
    List<ProcessHandle> children = process.descendants().toList();
    process.destroy();
    try {
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    children.forEach(ProcessHandle::destroyForcibly);
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void sleep() {
    try {
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
