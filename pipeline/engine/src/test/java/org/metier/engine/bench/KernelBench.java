package org.metier.engine.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.kernel.profile.KernelProfile;
import org.metier.engine.kernel.profile.MachinePeak;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Every op of a training step through JMH, one line each: its time, and what it reaches of the
 * machine, as GFLOP/s beside a large product's or as GB/s beside a large vector update's, both
 * measured in the same run. Started by the script {@code pipeline/engine/bench}.
 */
public final class KernelBench {
  private static final String USAGE =
      "usage: pipeline/engine/bench [tiny|small|medium] [REGEX of ops] [--threads=N] [--quick]";

  /**
   * What to measure.
   *
   * @param ops names of {@link StepOps}
   * @param threads that share one call's work
   * @param quick two seconds an op instead of eight, for a glance
   */
  private record Plan(String model, List<String> ops, int threads, boolean quick) {

    /**
     * Reads the command line.
     *
     * @throws IllegalArgumentException with one line that says what is wrong
     */
    static Plan of(String[] args) {
      List<String> plain = new ArrayList<>();
      int threads = Runtime.getRuntime().availableProcessors();
      boolean quick = false;
      for (String arg : args) {
        if (arg.equals("--quick")) {
          quick = true;
        } else if (arg.matches("--threads=[1-9]\\d{0,3}")) {
          threads = Integer.parseInt(arg.substring(arg.indexOf('=') + 1));
        } else if (arg.startsWith("-") || plain.size() == 2) {
          throw new IllegalArgumentException("cannot use '" + arg + "'; " + USAGE);
        } else {
          plain.add(arg);
        }
      }
      String model = plain.isEmpty() ? "tiny" : plain.get(0);
      ModelSize.named(model);
      return new Plan(model, ops(plain.size() < 2 ? "" : plain.get(1)), threads, quick);
    }

    private static List<String> ops(String regex) {
      try {
        List<String> ops =
            StepOps.names().stream().filter(Pattern.compile(regex).asPredicate()).toList();
        if (ops.isEmpty()) {
          throw new IllegalArgumentException(
              "no op matches '" + regex + "'; there are " + String.join(", ", StepOps.names()));
        }
        return ops;
      } catch (PatternSyntaxException e) {
        throw new IllegalArgumentException("'" + regex + "': " + e.getDescription());
      }
    }
  }

  private KernelBench() {}

  /** Exit code 2 stands for a wrong command line, as in {@code jobs/run}. */
  public static void main(String[] args) throws RunnerException, InterruptedException {
    try {
      run(Plan.of(args));
    } catch (IllegalArgumentException e) {
      System.err.println("metier: " + e.getMessage());
      System.exit(2);
    }
  }

  private static void run(Plan plan) throws RunnerException, InterruptedException {
    MachinePeak peak = peak(plan, "peak before");
    print("%-36s %12s %15s %9s%n", "op", "µs", "rate", "of peak");
    for (String op : plan.ops()) {
      KernelProfile.Op cost = cost(op, plan);
      double microseconds = microseconds(op, plan);
      double work = cost.product() ? cost.flops() : cost.elements() * Float.BYTES;
      double best = cost.product() ? peak.flopsPerSecond() : peak.elementsPerSecond() * Float.BYTES;
      double rate = work / (microseconds / 1e6);
      print(
          "%-36s %12.1f %7.1f %s %7.0f %%%n",
          op, microseconds, rate / 1e9, cost.product() ? "GFLOP/s" : "GB/s   ", 100 * rate / best);
    }
    // a machine that others use, too, may have changed meanwhile: then the last column is worth
    // little
    peak(plan, "peak after");
  }

  private static MachinePeak peak(Plan plan, String when) throws InterruptedException {
    MachinePeak peak = MachinePeak.measure(() -> new CpuKernels(1), plan.threads());
    print(
        "%s, %d threads, %s: %.1f GFLOP/s in large products, %.1f GB/s in large vector updates%n",
        plan.model(),
        plan.threads(),
        when,
        peak.flopsPerSecond() / 1e9,
        peak.elementsPerSecond() * Float.BYTES / 1e9);
    return peak;
  }

  /** Flops and elements of one call, counted as in a step's profile. */
  private static KernelProfile.Op cost(String op, Plan plan) {
    try (Kernels kernels = new CpuKernels(plan.threads())) {
      KernelProfile profile = new KernelProfile(kernels);
      Runnable call = StepOps.op(op, profile.kernels(), ModelSize.named(plan.model()));
      profile.reset();
      call.run();
      return profile.ops().get(0);
    }
  }

  private static double microseconds(String op, Plan plan) throws RunnerException {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include(Pattern.quote(KernelBenchmark.class.getName()))
            .param("model", plan.model())
            .param("threads", String.valueOf(plan.threads()))
            .param("op", op)
            .forks(1)
            .warmupIterations(3)
            .warmupTime(TimeValue.milliseconds(plan.quick() ? 500 : 1000))
            .measurementIterations(plan.quick() ? 3 : 5)
            .measurementTime(TimeValue.milliseconds(plan.quick() ? 300 : 1000))
            .verbosity(VerboseMode.SILENT)
            .shouldFailOnError(true);
    return new Runner(options.build()).runSingle().getPrimaryResult().getScore();
  }

  private static void print(String format, Object... arguments) {
    System.out.printf(Locale.ROOT, format, arguments);
  }
}
