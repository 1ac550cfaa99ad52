package org.metier.engine.kernel.contract;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.Tensor;

/** The reference kernels with one fault in one op, which the contract must find. */
final class FaultyKernels implements InvocationHandler {
  enum Fault {
    /** The largest element of a destination is off by a thousandth. */
    WRONG_ELEMENT,
    /** The element that the op would have changed most keeps its old value. */
    UNWRITTEN_ELEMENT,
    /** The element after the destination is set to zero. */
    WRITES_BEYOND,
    /** The first element of a source grows by one. */
    CHANGES_INPUT,
    /** Every call is off by a little more, well within the tolerance. */
    CHANGES_BITS
  }

  private final Kernels sound = new ReferenceKernels();
  private final String op;
  private final Fault fault;
  private final int which;
  private int calls;
  private int candidates;

  /**
   * @param which number of the destination (or source) that the fault hits, counted among those of
   *     one call
   */
  FaultyKernels(String op, Fault fault, int which) {
    this.op = op;
    this.fault = fault;
    this.which = which;
  }

  Kernels kernels() {
    return (Kernels)
        Proxy.newProxyInstance(
            Kernels.class.getClassLoader(), new Class<?>[] {Kernels.class}, this);
  }

  /** Destinations (or sources) that a call of the op offered to the fault. */
  int candidates() {
    return candidates;
  }

  @Override
  public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
    boolean faulty = method.getName().equals(op);
    List<double[]> before = faulty ? snapshot(arguments) : List.of();
    Object result;
    try {
      result = method.invoke(sound, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
    if (faulty) {
      breakOne(arguments, before);
    }
    return result;
  }

  private List<double[]> snapshot(Object[] arguments) {
    List<double[]> values = new ArrayList<>();
    for (Object argument : arguments) {
      values.add(read(argument));
    }
    return values;
  }

  private void breakOne(Object[] arguments, List<double[]> before) {
    calls++;
    int seen = 0;
    for (int a = 0; a < arguments.length; a++) {
      double[] after = read(arguments[a]);
      if (after.length > 0 && concerns(before.get(a), after)) {
        if (seen++ == which) {
          breakArgument(arguments[a], before.get(a), after);
        }
      }
    }
    candidates = Math.max(candidates, seen);
  }

  /** Whether the fault is one of such an argument. */
  private boolean concerns(double[] before, double[] after) {
    boolean unchanged = Arrays.equals(before, after);
    // The reference has no use for working memory, and nobody else may care what is in it.
    boolean working = unchanged && Double.isNaN(after[0]);
    return switch (fault) {
      case CHANGES_INPUT -> unchanged && !working;
      case WRITES_BEYOND -> !unchanged || working;
      case WRONG_ELEMENT, UNWRITTEN_ELEMENT, CHANGES_BITS -> !unchanged;
    };
  }

  private void breakArgument(Object argument, double[] before, double[] after) {
    switch (fault) {
      case WRONG_ELEMENT -> {
        int i = largest(after);
        write(argument, i, after[i] * 1.001);
      }
      case UNWRITTEN_ELEMENT -> {
        double[] change = new double[after.length];
        for (int i = 0; i < change.length; i++) {
          change[i] = Double.isNaN(before[i]) ? 1 : after[i] - before[i];
        }
        int i = largest(change);
        write(argument, i, before[i]);
      }
      case WRITES_BEYOND -> {
        if (argument instanceof Tensor tensor
            && tensor.offset() + tensor.size() < tensor.storage().length()) {
          sound.fill(new Tensor(tensor.storage(), tensor.offset() + tensor.size(), 1), 0);
        } else if (argument instanceof double[] array) {
          array[array.length - 1] = 0;
        }
      }
      case CHANGES_INPUT -> write(argument, 0, after[0] + 1);
      case CHANGES_BITS -> {
        int i = largest(after);
        write(argument, i, after[i] * (1 + 1e-10 * calls));
      }
    }
  }

  private static int largest(double[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      best = Math.abs(values[i]) > Math.abs(values[best]) ? i : best;
    }
    return best;
  }

  /** The numbers of an argument; none if it is not made of numbers. */
  private double[] read(Object argument) {
    if (argument instanceof Tensor tensor) {
      double[] values = new double[tensor.size()];
      sound.download(values, 0, tensor);
      return values;
    }
    // Bias and balance gradients are host arrays too, but sources that no test hands on.
    return argument instanceof double[] array && op.startsWith("crossEntropy")
        ? array.clone()
        : new double[0];
  }

  private void write(Object argument, int i, double value) {
    if (argument instanceof Tensor tensor) {
      sound.fill(new Tensor(tensor.storage(), tensor.offset() + i, 1), value);
    } else {
      ((double[]) argument)[i] = value;
    }
  }
}
