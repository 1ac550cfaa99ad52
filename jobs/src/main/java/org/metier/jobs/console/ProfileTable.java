package org.metier.jobs.console;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import org.metier.engine.kernel.profile.KernelProfile;
import org.metier.train.StepBenchmark;

/**
 * A training step's profile in words: one line per op, most time first, then what it comes to.
 *
 * @param profile of one worker
 * @param workers that ran side by side; each has its share of the machine's peak
 * @param gigaflops per second of all workers, as the result line counts them
 */
public record ProfileTable(StepBenchmark.Profile profile, int workers, double gigaflops) {

  /** The table, without line ends. */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    lines.add(
        line(
            "peak of this run: %.1f GFLOP/s in large products, %.1f GB/s in large vector updates%s",
            profile.peak().flopsPerSecond() / 1e9,
            bytes(profile.peak().elementsPerSecond()) / 1e9,
            workers == 1 ? "" : ", shared by %d workers".formatted(workers)));
    lines.add(
        "%-29s %10s %9s %7s %15s %9s %8s"
            .formatted("op", "calls/step", "ms/step", "share", "rate", "of peak", "kB/step"));
    profile.ops().stream()
        .sorted(Comparator.comparingLong(KernelProfile.Op::nanos).reversed())
        .map(this::opLine)
        .forEach(lines::add);
    double products = share(op -> op.product());
    double others = share(op -> !op.product());
    lines.add(
        line(
            "products, attention and cross-entropy %.1f %%, elementwise %.1f %%,"
                + " outside the kernels %.1f %%",
            100 * products, 100 * others, 100 * (1 - products - others)));
    lines.add(
        line(
            "whole step: %.1f GFLOP/s, %.1f %% of the peak",
            gigaflops, 100 * gigaflops * 1e9 / profile.peak().flopsPerSecond()));
    return lines;
  }

  private String opLine(KernelProfile.Op op) {
    double seconds = op.nanos() / 1e9;
    double rate = (op.product() ? op.flops() : bytes(op.elements())) / seconds;
    double peak =
        op.product() ? profile.peak().flopsPerSecond() : bytes(profile.peak().elementsPerSecond());
    return line(
        "%-29s %10.1f %9.3f %5.1f %% %7.1f %s %7.0f %% %8.0f",
        op.name(),
        (double) op.calls() / profile.steps(),
        1e3 * seconds / profile.steps(),
        100 * seconds / profile.seconds(),
        rate / 1e9,
        op.product() ? "GFLOP/s" : "GB/s   ",
        100 * rate * workers / peak,
        op.allocated() / 1e3 / profile.steps());
  }

  private double share(Predicate<KernelProfile.Op> which) {
    long nanos = profile.ops().stream().filter(which).mapToLong(KernelProfile.Op::nanos).sum();
    return nanos / 1e9 / profile.seconds();
  }

  private double bytes(double elements) {
    return elements * profile.elementBytes();
  }

  private static String line(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments);
  }
}
