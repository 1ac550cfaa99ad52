package org.metier.engine.kernel.contract;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.Tensor;

/**
 * One run of some ops on one backend. It makes the tensors, so that two backends get the same
 * numbers (all representable as float), and watches what becomes of them:
 *
 * <ul>
 *   <li>an {@link #input} must keep its bits;
 *   <li>an {@link #output} starts as NaN and must be overwritten in full;
 *   <li>an {@link #accumulator} starts from random numbers, so that overwriting it shows;
 *   <li>{@link #working} memory starts as NaN, so that reading it shows;
 *   <li>every tensor lies between guard elements at an offset that no vector width divides.
 * </ul>
 */
final class Trial {
  private static final int GUARD_BEFORE = 3;
  private static final int GUARD_AFTER = 5;
  private static final float GUARD = 7777.5f;

  /** Numbers that a run produced; {@code exact} ones allow no tolerance. */
  record Result(double[] values, boolean exact) {}

  private record Watched(String name, Tensor tensor, double[] before) {}

  private final Kernels kernels;
  private final SplittableRandom random;
  private final List<Watched> inputs = new ArrayList<>();
  private final List<Watched> outputs = new ArrayList<>();
  private final List<Watched> guards = new ArrayList<>();
  private final Map<String, Result> results = new LinkedHashMap<>();

  private Trial(Kernels kernels, long seed) {
    this.kernels = kernels;
    this.random = new SplittableRandom(seed);
  }

  /** Runs {@code ops} and returns what they produced, in the order in which it was declared. */
  static Map<String, Result> run(Kernels kernels, long seed, Consumer<Trial> ops) {
    Trial trial = new Trial(kernels, seed);
    ops.accept(trial);
    for (Watched output : trial.outputs) {
      trial.results.put(output.name, new Result(trial.read(output.tensor), false));
    }
    trial.checkUntouched(trial.inputs, "must not change");
    trial.checkUntouched(trial.guards, "was written beyond its bounds");
    return trial.results;
  }

  Kernels kernels() {
    return kernels;
  }

  /** Same seed, same numbers on every backend. */
  SplittableRandom random() {
    return random;
  }

  /** A source with standard normal elements. */
  Tensor input(String name, int... shape) {
    return input(name, normals(Tensor.sizeOf(shape)), shape);
  }

  /** A source with the given elements. */
  Tensor input(String name, float[] values, int... shape) {
    Tensor tensor = guarded(name, shape);
    kernels.upload(tensor, values, 0);
    inputs.add(new Watched(name, tensor, read(tensor)));
    return tensor;
  }

  /** A destination that the op overwrites. */
  Tensor output(String name, int... shape) {
    Tensor tensor = guarded(name, shape);
    kernels.fill(tensor, Double.NaN);
    outputs.add(new Watched(name, tensor, new double[0]));
    return tensor;
  }

  /** Memory for the op's own use: whatever it holds in the end is no result. */
  Tensor working(String name, int... shape) {
    Tensor tensor = guarded(name, shape);
    kernels.fill(tensor, Double.NaN);
    return tensor;
  }

  /** A destination that the op adds to, with standard normal elements. */
  Tensor accumulator(String name, int... shape) {
    return accumulator(name, normals(Tensor.sizeOf(shape)), shape);
  }

  /** A destination that the op updates, with the given elements. */
  Tensor accumulator(String name, float[] values, int... shape) {
    Tensor tensor = guarded(name, shape);
    kernels.upload(tensor, values, 0);
    outputs.add(new Watched(name, tensor, new double[0]));
    return tensor;
  }

  /** Reports numbers that lie on the host. */
  void result(String name, double... values) {
    results.put(name, new Result(values.clone(), false));
  }

  /** Reports host indices, which two backends must agree on exactly. */
  void exactResult(String name, int[] values, int length) {
    double[] numbers = new double[length];
    for (int i = 0; i < length; i++) {
      numbers[i] = values[i];
    }
    results.put(name, new Result(numbers, true));
  }

  float[] normals(int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  double[] doubles(int length) {
    double[] values = new double[length];
    for (int i = 0; i < length; i++) {
      values[i] = random.nextGaussian();
    }
    return values;
  }

  /** Multiples of 1/64 in [-4, 4): sums of a few are exact in float, and ties do occur. */
  float[] sixtyFourths(int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = random.nextInt(-256, 256) / 64f;
    }
    return values;
  }

  /** Indices in [0, bound). */
  int[] indices(int length, int bound) {
    int[] values = new int[length];
    for (int i = 0; i < length; i++) {
      values[i] = random.nextInt(bound);
    }
    return values;
  }

  double[] read(Tensor tensor) {
    double[] values = new double[tensor.size()];
    kernels.download(values, 0, tensor);
    return values;
  }

  private Tensor guarded(String name, int... shape) {
    int size = Tensor.sizeOf(shape);
    Tensor all =
        new Tensor(
            kernels.allocate(GUARD_BEFORE + size + GUARD_AFTER),
            0,
            GUARD_BEFORE + size + GUARD_AFTER);
    kernels.fill(all, GUARD);
    for (Tensor guard :
        List.of(all.rows(0, GUARD_BEFORE), all.rows(GUARD_BEFORE + size, GUARD_AFTER))) {
      guards.add(new Watched(name, guard, read(guard)));
    }
    return all.rows(GUARD_BEFORE, size).reshape(shape);
  }

  private void checkUntouched(List<Watched> tensors, String rule) {
    for (Watched watched : tensors) {
      assertThat(read(watched.tensor)).as("%s %s", watched.name, rule).isEqualTo(watched.before);
    }
  }
}
