package org.metier.engine.kernel.profile;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.metier.engine.kernel.Kernels;

/**
 * Kernels that are timed op by op: whoever uses {@link #kernels} gets the results of the kernels
 * behind them to the bit, and afterwards {@link #ops} tells where the time went. As thread-bound as
 * the kernels themselves.
 *
 * <p>A call costs a fraction of a microsecond and some hundred bytes more than without: nothing
 * beside an op of a training step.
 */
public final class KernelProfile {
  private static final Object[] NO_ARGUMENTS = {};

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** Methods that are not work on numbers. */
  private static final Set<String> NO_OPS = Set.of("name", "allocate", "close");

  private final Kernels profiled;
  private final Kernels kernels;
  private final Map<String, Total> totals = new LinkedHashMap<>();

  /**
   * One op since the last {@link #reset}.
   *
   * @param name of the method of {@link Kernels}
   * @param calls how often it ran
   * @param nanos in all calls together
   * @param flops of its matrix products, attention's lower triangle only; 0 for an op without
   * @param elements numbers read or written at the least: the tensors passed, once each, twice
   *     where the op reads and writes them
   * @param allocated bytes of garbage that the calling thread made within the op; in steady state
   *     what compiled code still keeps on the heap
   */
  public record Op(
      String name, long calls, long nanos, double flops, double elements, long allocated) {

    /** Whether matrix products make up the op's work. */
    public boolean product() {
      return flops > 0;
    }
  }

  private static final class Total {
    private long calls;
    private long nanos;
    private double flops;
    private double elements;
    private long allocated;
  }

  /**
   * @param kernels the kernels to be timed; closed with {@link #kernels}
   */
  public KernelProfile(Kernels kernels) {
    this.profiled = kernels;
    this.kernels =
        (Kernels)
            Proxy.newProxyInstance(
                Kernels.class.getClassLoader(),
                new Class<?>[] {Kernels.class},
                (proxy, method, arguments) ->
                    call(method, arguments == null ? NO_ARGUMENTS : arguments));
  }

  /** The kernels to work with. */
  public Kernels kernels() {
    return kernels;
  }

  /** Forgets what was counted so far. */
  public void reset() {
    totals.clear();
  }

  /** What was counted since the last {@link #reset}, in the order of first calls. */
  public List<Op> ops() {
    List<Op> ops = new ArrayList<>();
    totals.forEach(
        (name, t) -> ops.add(new Op(name, t.calls, t.nanos, t.flops, t.elements, t.allocated)));
    return ops;
  }

  /** Whether a method of {@link Kernels} is an op, and counted. */
  static boolean isOp(Method method) {
    return method.getDeclaringClass() == Kernels.class && !NO_OPS.contains(method.getName());
  }

  private Object call(Method method, Object[] arguments) throws Throwable {
    if (!isOp(method)) {
      return invoke(method, arguments);
    }
    OpCost cost = OpCost.of(method.getName(), arguments);
    Total total = totals.computeIfAbsent(method.getName(), name -> new Total());
    long allocated = THREADS.getCurrentThreadAllocatedBytes();
    long began = System.nanoTime();
    try {
      return invoke(method, arguments);
    } finally {
      total.nanos += System.nanoTime() - began;
      total.allocated += THREADS.getCurrentThreadAllocatedBytes() - allocated;
      total.calls++;
      total.flops += cost.flops();
      total.elements += cost.elements();
    }
  }

  private Object invoke(Method method, Object[] arguments) throws Throwable {
    try {
      return method.invoke(profiled, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }
}
