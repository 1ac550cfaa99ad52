package org.metier.engine.bench;

import java.util.concurrent.TimeUnit;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * One op of the CPU backend, alone and again and again: its tensors are as warm as they can be,
 * while in a step others have passed through the caches ({@code jobs/run bench --profile} shows
 * that). {@link KernelBench} runs it for all ops.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class KernelBenchmark {
  /** A name of {@link ModelSize}. */
  @Param("tiny")
  public String model;

  /** Threads that share one call's work. */
  @Param("1")
  public int threads;

  /** A name of {@link StepOps}. */
  @Param("experts")
  public String op;

  private Kernels kernels;
  private Runnable call;

  @Setup
  public void layOut() {
    kernels = new CpuKernels(threads);
    call = StepOps.op(op, kernels, ModelSize.named(model));
  }

  @Benchmark
  public void call() {
    call.run();
  }

  @TearDown
  public void close() {
    kernels.close();
  }
}
