package org.metier.engine.kernel.profile;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.Tensor;

/**
 * What the machine gives at best, through the same seam as everything else: the yardstick of a
 * profile, measured in the same run.
 *
 * @param flopsPerSecond of large matrix products, one on each thread at the same time; the better
 *     of {@link Kernels#linear} and {@link Kernels#linearWeightGradient}, which a backend may cut
 *     differently
 * @param elementsPerSecond read or written by large vector updates ({@link Kernels#addScaled}: each
 *     number of the target is read and written, each of the source read), one on each thread at the
 *     same time
 */
public record MachinePeak(double flopsPerSecond, double elementsPerSecond) {
  /** Rows, width and depth of the product. */
  private static final int PRODUCT = 1536;

  /** Beyond the reach of most caches: 64 MiB of floats in each of both vectors. */
  private static final int VECTOR = 1 << 24;

  private static final int FEWEST_TRIALS = 3;
  private static final long TRIAL_NANOS = 1_500_000_000L;

  /** When one thread's work began and ended. */
  private record Span(long began, long ended) {}

  /**
   * Measures for some seconds; the best of several trials counts.
   *
   * @param oneThread opens kernels that work on one thread
   * @param threads that work at the same time; each needs 128 MiB of floats
   * @throws InterruptedException if the calling thread is interrupted
   */
  public static MachinePeak measure(Supplier<Kernels> oneThread, int threads)
      throws InterruptedException {
    List<Kernels> kernels = new ArrayList<>();
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      List<Callable<Span>> products = new ArrayList<>();
      List<Callable<Span>> transposed = new ArrayList<>();
      List<Callable<Span>> updates = new ArrayList<>();
      for (int thread = 0; thread < threads; thread++) {
        Kernels own = oneThread.get();
        kernels.add(own);
        Tensor out = ones(own, PRODUCT, PRODUCT);
        Tensor left = ones(own, PRODUCT, PRODUCT);
        Tensor right = ones(own, PRODUCT, PRODUCT);
        products.add(timed(() -> own.linear(out, left, right, false)));
        transposed.add(timed(() -> own.linearWeightGradient(out, left, right)));
        updates.add(timed(update(own)));
      }
      double flops = 2.0 * PRODUCT * PRODUCT * PRODUCT * threads;
      double elements = 3.0 * VECTOR * threads;
      double product = Math.min(bestSeconds(pool, products), bestSeconds(pool, transposed));
      return new MachinePeak(flops / product, elements / bestSeconds(pool, updates));
    } finally {
      pool.shutdownNow();
      kernels.forEach(Kernels::close);
    }
  }

  private static Runnable update(Kernels kernels) {
    Tensor target = ones(kernels, VECTOR);
    Tensor source = ones(kernels, VECTOR);
    return () -> kernels.addScaled(target, 1e-3, source);
  }

  private static Tensor ones(Kernels kernels, int... shape) {
    Tensor tensor = new Tensor(kernels.allocate(Tensor.sizeOf(shape)), 0, shape);
    kernels.fill(tensor, 1);
    return tensor;
  }

  private static Callable<Span> timed(Runnable work) {
    return () -> {
      long began = System.nanoTime();
      work.run();
      return new Span(began, System.nanoTime());
    };
  }

  /** Seconds from the first thread's beginning to the last one's end, in the best trial. */
  private static double bestSeconds(ExecutorService pool, List<Callable<Span>> work)
      throws InterruptedException {
    long best = Long.MAX_VALUE;
    long began = System.nanoTime();
    for (int trial = 0; trial < FEWEST_TRIALS || System.nanoTime() - began < TRIAL_NANOS; trial++) {
      long first = Long.MAX_VALUE;
      long last = Long.MIN_VALUE;
      for (Future<Span> thread : pool.invokeAll(work)) {
        Span span = spanOf(thread);
        first = Math.min(first, span.began);
        last = Math.max(last, span.ended);
      }
      best = Math.min(best, last - first);
    }
    return best / 1e9;
  }

  private static Span spanOf(Future<Span> thread) throws InterruptedException {
    try {
      return thread.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("the machine's peak could not be measured", e.getCause());
    }
  }
}
