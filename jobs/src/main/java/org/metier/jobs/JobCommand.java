package org.metier.jobs;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.metier.jobs.config.ConfigLayers;
import org.metier.jobs.config.InvalidConfigException;
import org.metier.jobs.config.ModelPresets;
import org.metier.jobs.config.Redaction;
import org.metier.jobs.console.Terminal;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The options that every command takes, and the frame in which its job runs. */
final class JobCommand implements Callable<Integer> {
  private final Job job;
  private final List<String> overrides;
  private final Terminal terminal;
  private final PrintStream err;

  @Spec private CommandSpec spec;

  @Option(
      names = "--conf",
      paramLabel = "FILE",
      description = "preset in HOCON; its includes are relative to it")
  private Path conf;

  @Option(
      names = "--model",
      paramLabel = "NAME",
      description = "model preset: conf/model/NAME.conf; goes before FILE's own model")
  private String model;

  @Option(names = "--run-id", paramLabel = "ID", description = "name of the run: --run.id")
  private String runId;

  @Option(
      names = "--resume",
      description = "continue the run from its newest checkpoint: what happens anyway")
  private boolean resume;

  @Option(
      names = "--fresh",
      description =
          "reuse nothing: analyze and report run again, train and prepare refuse to if there is a result")
  private boolean fresh;

  @Option(names = "--show-config", description = "print every key as resolved, and do nothing else")
  private boolean showConfig;

  @Option(names = "--verbose", description = "print the stack trace of an unexpected failure")
  private boolean verbose;

  JobCommand(Job job, List<String> overrides, Terminal terminal, PrintStream err) {
    this.job = job;
    this.overrides = overrides;
    this.terminal = terminal;
    this.err = err;
  }

  @Override
  public Integer call() {
    RunLog log = null;
    try {
      ConfigLayers layers = ConfigLayers.load(presets(), overrides());
      if (showConfig) {
        terminal.out().print(layers.toHocon());
        return ExitCode.OK.code();
      }
      log = RunLog.of(layers.settings().run(), job.onlyLooks());
      log.captureLogging();
      if (resume && fresh) {
        throw new InvalidConfigException("--resume and --fresh exclude each other");
      }
      try (JobContext context = new JobContext(job.name(), layers, fresh, terminal)) {
        new Launch(job, context).run();
      }
      return ExitCode.OK.code();
    } catch (Throwable thrown) { // an OutOfMemoryError deserves its line, too
      return report(thrown, log);
    }
  }

  /** The run's preset, and the model's on top of it. */
  private List<Path> presets() {
    List<Path> presets = new ArrayList<>();
    if (conf != null) {
      presets.add(conf);
    } else {
      job.preset().map(JobCommand::inHome).ifPresent(presets::add);
    }
    if (model != null) {
      presets.add(ModelPresets.in(inHome("conf/model")).file(model));
    }
    return presets;
  }

  /** What the command's word and shorthands stand for, and the keys that were given by name. */
  private List<String> overrides() {
    List<String> all = new ArrayList<>();
    String word = spec.commandLine().getParseResult().matchedPositionalValue(0, null);
    job.argument()
        .filter(a -> word != null)
        .map(a -> a.overrides().apply(word))
        .ifPresent(all::addAll);
    for (Job.Shorthand shorthand : job.shorthands()) {
      if (spec.commandLine().getParseResult().hasMatchedOption(shorthand.option())) {
        all.add(shorthand.override());
      }
    }
    all.addAll(overrides);
    if (runId != null) {
      all.add("run.id=" + runId);
    }
    return all;
  }

  /** A path of this checkout. */
  static Path inHome(String path) {
    return Path.of(System.getProperty("metier.home", "")).resolve(path);
  }

  private int report(Throwable thrown, RunLog log) {
    Failure failure = Failure.of(thrown);
    boolean unexpected = failure.code() == ExitCode.UNEXPECTED;
    String line = "metier: " + failure.line();
    if (unexpected && log != null) {
      try {
        line += "; stack trace in " + log.append(thrown);
      } catch (IOException e) {
        line += "; no log could be written (" + e + "), --verbose prints the stack trace";
      }
    }
    err.println(Redaction.of(line));
    if (verbose && unexpected) {
      thrown.printStackTrace(err);
    }
    return failure.code().code();
  }
}
