package org.metier.jobs.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Spark's standalone Master and its Workers, a process each, and what is submitted to them, again
 * processes of their own. The first Worker has the address 127.0.0.1, the second 127.0.0.2 and so
 * on: Spark runs a speculative copy of a task on another host only.
 */
final class Standalone implements AutoCloseable {
  /**
   * Who is lost here has closed its connections, which tells at once; a machine that stands still
   * for some minutes shall lose nobody.
   */
  private static final String PATIENCE = "3600s";

  private final Installation installation;
  private final Path directory;
  private final List<String> masterProperties;
  private final List<Program> programs = new ArrayList<>();
  private final String url;

  /**
   * @param workerProperties {@code -D...} of every Worker
   */
  Standalone(
      Installation installation,
      Path directory,
      int workers,
      int coresOfWorker,
      List<String> workerProperties) {
    this(installation, directory, workers, coresOfWorker, List.of(), workerProperties);
  }

  /**
   * @param masterProperties {@code -D...} of the Master
   * @param workerProperties {@code -D...} of every Worker
   */
  Standalone(
      Installation installation,
      Path directory,
      int workers,
      int coresOfWorker,
      List<String> masterProperties,
      List<String> workerProperties) {
    this.masterProperties = masterProperties;
    this.installation = installation;
    this.directory = directory;
    Program master = master();
    programs.add(master);
    this.url =
        "spark://127.0.0.1:"
            + master.awaitInErr("service 'sparkMaster' on port (\\d+)", 120).group(1);
    for (int w = 1; w <= workers; w++) {
      programs.add(worker(w, coresOfWorker, workerProperties));
    }
    for (Program worker : programs.subList(1, programs.size())) {
      worker.awaitInErr("Successfully registered with master", 120);
    }
  }

  private Program master() {
    List<String> command =
        installation.java(
            "256m", installation.classPath(), "org.apache.spark.deploy.master.Master");
    command.add(command.size() - 1, "-Dspark.worker.timeout=3600");
    command.add(command.size() - 1, "-Dspark.ui.port=0");
    command.addAll(command.size() - 1, masterProperties);
    command.addAll(List.of("--host", "127.0.0.1", "--port", "0", "--webui-port", "0"));
    return Program.start("master", directory, installation.environment("127.0.0.1"), command);
  }

  private Program worker(int number, int cores, List<String> properties) {
    List<String> command =
        installation.java(
            "256m", installation.classPath(), "org.apache.spark.deploy.worker.Worker");
    command.addAll(command.size() - 1, properties);
    String host = "127.0.0." + number;
    command.addAll(List.of("--host", host, "--port", "0", "--webui-port", "0"));
    command.addAll(List.of("--cores", String.valueOf(cores), "--memory", cores + "g"));
    command.addAll(List.of("--work-dir", work(number).toString(), url));
    return Program.start("worker-" + number, directory, installation.environment(host), command);
  }

  /** Where a Worker keeps its executors' directories and logs. */
  private Path work(int worker) {
    return directory.resolve("work-" + worker);
  }

  /** What the executors of a submitted program have logged, in no order. */
  String executorLogs(Program submitted) throws IOException {
    String application = submitted.awaitInErr("with app ID (\\S+)", 60).group(1);
    StringBuilder logs = new StringBuilder();
    for (int worker = 1; worker < programs.size(); worker++) {
      try (Stream<Path> files = Files.walk(work(worker))) {
        for (Path file : files.filter(f -> f.endsWith("stderr")).toList()) {
          if (file.toString().contains(application)) {
            logs.append(Files.readString(file));
          }
        }
      }
    }
    return logs.toString();
  }

  /**
   * Runs {@code SparkSubmit} in client mode, as {@code bin/spark-submit} does.
   *
   * @param name of the log files
   * @param main simple name of a class in {@code org.metier.jobs}
   * @param properties {@code key=value} for Spark's own {@code --conf}
   * @param arguments of the main
   */
  Program submit(String name, String main, List<String> properties, List<String> arguments) {
    List<String> command =
        installation.java("768m", installation.classPath(), "org.apache.spark.deploy.SparkSubmit");
    command.addAll(List.of("--master", url, "--deploy-mode", "client"));
    command.addAll(List.of("--class", "org.metier.jobs." + main));
    List<String> all =
        new ArrayList<>(
            List.of(
                "spark.ui.enabled=false",
                "spark.executor.memory=512m",
                "spark.executor.defaultJavaOptions=-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
                "spark.network.timeout=" + PATIENCE));
    all.addAll(properties);
    all.forEach(property -> command.addAll(List.of("--conf", property)));
    command.add("--jars");
    command.add(installation.jars().stream().map(Path::toString).collect(Collectors.joining(",")));
    command.add(installation.application().toString());
    command.addAll(arguments);
    return Program.start(name, directory, installation.environment("127.0.0.1"), command);
  }

  /** Ends all programs; logs stay, the executors' copies of the jars do not. */
  @Override
  public void close() {
    for (int i = programs.size() - 1; i >= 0; i--) {
      programs.get(i).close();
    }
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path jar : files.filter(file -> file.toString().endsWith(".jar")).toList()) {
        Files.delete(jar);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
