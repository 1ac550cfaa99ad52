package org.metier.jobs;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.metier.jobs.config.ConfigLayers;
import org.metier.jobs.console.Terminal;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line: {@code metier COMMAND [--conf FILE] [--run-id ID] [--key=value ...]}. */
@Command(
    name = "metier",
    description = "Mixture-of-experts language models on Apache Spark, and what their experts do.")
public final class Main {
  private static final List<Job> JOBS =
      List.of(
          new QuickstartJob(),
          new PrepareJob(),
          new TrainJob(),
          new AnalyzeJob(),
          new ReportJob(),
          new QueryJob(),
          new StatusJob(),
          new EstimateJob(),
          new BenchJob());

  /** A dotted option is a key of the configuration; all others are picocli's. */
  private static final Pattern OVERRIDE =
      Pattern.compile("--(\\w[\\w-]*(?:\\.[\\w-]+)+)(=.*)?", Pattern.DOTALL);

  private Main() {}

  public static void main(String[] args) {
    int code = run(Terminal.detect(System.out), System.err, args);
    if (code != 0) {
      // exit(0) inside spark-submit on YARN counts as a failure, so success just returns
      System.exit(code);
    }
  }

  /** {@link #main} of one command, for spark-submit's {@code --class}. */
  static void main(Job job, String[] args) {
    List<String> all = new ArrayList<>(List.of(args));
    all.add(0, job.name());
    main(all.toArray(String[]::new));
  }

  /** Runs one command line and returns its exit code. */
  static int run(Terminal terminal, PrintStream err, String... args) {
    return run(JOBS, terminal, err, args);
  }

  static int run(List<? extends Job> jobs, Terminal terminal, PrintStream err, String... args) {
    List<String> overrides = new ArrayList<>();
    List<String> options = new ArrayList<>();
    for (String arg : args) {
      Matcher key = OVERRIDE.matcher(arg);
      if (!key.matches()) {
        options.add(arg);
      } else if (key.group(2) == null) {
        err.println("metier: " + arg + " needs a value: " + arg + "=VALUE");
        return ExitCode.USAGE.code();
      } else {
        overrides.add(key.group(1) + key.group(2));
      }
    }
    CommandLine line = commandLine(jobs, overrides, terminal, err);
    line.setParameterExceptionHandler((e, unparsed) -> reportUsage(e, err));
    return line.execute(options.toArray(String[]::new));
  }

  private static CommandLine commandLine(
      List<? extends Job> jobs, List<String> overrides, Terminal terminal, PrintStream err) {
    CommandLine root = new CommandLine(new Main());
    describe(root.getCommandSpec(), "metier COMMAND [--conf FILE] [--run-id ID] [--KEY=VALUE ...]");
    for (Job job : jobs) {
      CommandLine command = new CommandLine(new JobCommand(job, overrides, terminal, err));
      CommandSpec spec = command.getCommandSpec();
      spec.usageMessage().description(job.purpose());
      for (Job.Shorthand shorthand : job.shorthands()) {
        spec.addOption(
            OptionSpec.builder(shorthand.option())
                .type(boolean.class)
                .description(shorthand.description())
                .build());
      }
      String word = job.argument().map(a -> "[" + a.label() + "] ").orElse("");
      job.argument()
          .ifPresent(
              argument ->
                  spec.addPositional(
                      PositionalParamSpec.builder()
                          .index("0")
                          .arity("0..1")
                          .type(String.class)
                          .paramLabel(argument.label())
                          .description(argument.description())
                          .build()));
      String preset =
          job.preset().map(file -> "Without --conf, FILE is " + file + ".%n").orElse("");
      spec.usageMessage()
          .footer(
              "%nAny key of the configuration is an option, as in --train.rounds=100;%n"
                  + "--show-config lists them all.%n"
                  + preset);
      describe(
          spec,
          "metier "
              + job.name()
              + " "
              + word
              + "[--conf FILE] [--run-id ID] [--KEY=VALUE ...] [--fresh] [--verbose]");
      root.addSubcommand(job.name(), command);
    }
    return root.setOut(new PrintWriter(terminal.out(), true));
  }

  private static void describe(CommandSpec spec, String synopsis) {
    spec.mixinStandardHelpOptions(true).version("metier " + version());
    spec.usageMessage()
        .customSynopsis(synopsis)
        .sortOptions(false)
        .exitCodeListHeading("%nExit codes:%n")
        .exitCodeList(exitCodes());
  }

  private static Map<String, String> exitCodes() {
    Map<String, String> codes = new LinkedHashMap<>();
    for (ExitCode code : ExitCode.values()) {
      codes.put(" " + code.code(), code.meaning());
    }
    return codes;
  }

  private static int reportUsage(ParameterException e, PrintStream err) {
    String message = e.getMessage();
    if (e instanceof UnmatchedArgumentException unmatched) {
      String argument = unmatched.getUnmatched().get(0);
      boolean command = e.getCommandLine().getParent() == null && !argument.startsWith("-");
      message = "unknown " + (command ? "command" : "option") + " '" + argument + "'";
      message += suggestion(argument, unmatched.getSuggestions());
    }
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    err.println("metier: " + message + " (" + command + " --help lists what there is)");
    return ExitCode.USAGE.code();
  }

  /** --rounds=9 was probably meant to be --train.rounds=9. */
  private static String suggestion(String argument, List<String> similar) {
    if (!similar.isEmpty()) {
      return "; did you mean " + similar.get(0) + "?";
    }
    Matcher option = Pattern.compile("--([\\w-]+)(=.*)?", Pattern.DOTALL).matcher(argument);
    return option.matches()
        ? ConfigLayers.nearestKey(option.group(1))
            .map(key -> "; did you mean --" + key + "?")
            .orElse("")
        : "";
  }

  /** Written by the build into {@code metier.properties}. */
  static String version() {
    try (InputStream in = Main.class.getResourceAsStream("/metier.properties")) {
      Properties properties = new Properties();
      properties.load(in);
      return properties.getProperty("version");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
