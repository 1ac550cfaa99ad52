package org.metier.engine.kernel.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Method;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.contract.AttentionContract.Visible;
import org.metier.engine.kernel.contract.FaultyKernels.Fault;
import org.metier.engine.kernel.contract.Routings.Load;

/** The contract is worth what it catches: every kind of fault in every destination of every op. */
class KernelsContractTest {

  /** Each op, and the part of the contract that is on guard for it. */
  private static final Map<String, Consumer<KernelsContract>> GUARDS = new LinkedHashMap<>();

  static {
    guard(c -> c.elementwise(17), "fill", "copy", "addScaled");
    guard(c -> c.jitter(17), "jitter");
    guard(c -> c.embedding(3, 17, 5), "embedding", "embeddingBackward");
    guard(c -> c.rmsNorm(3, 17), "rmsNorm", "rmsNormBackward");
    guard(c -> c.linear(3, 17, 5), "linear", "linearInputGradient", "linearWeightGradient");
    guard(c -> c.headNormRotary(2, 3, 3, 3, 16), "headNormRotary", "headNormRotaryBackward");
    guard(c -> c.attention(1, 17, 4, 2, 32, Visible.DOCUMENTS), "attention", "attentionBackward");
    guard(c -> c.router(17, 8, 2, true), "route", "routeBackward");
    guard(c -> c.experts(17, 8, 2, Load.ODD_EXPERTS_ONLY, 5, 6), "experts", "expertsBackward");
    guard(c -> c.crossEntropy(3, 17, 5), "crossEntropy", "crossEntropyWithGradient");
    guard(c -> c.crossEntropyAndArgMax(3, 2, 5), "crossEntropyAndArgMax");
    guard(c -> c.adamW(17, 3), "adamW");
  }

  private static void guard(Consumer<KernelsContract> test, String... ops) {
    for (String op : ops) {
      GUARDS.put(op, test);
    }
  }

  static Stream<String> ops() {
    return GUARDS.keySet().stream();
  }

  /** Transfers are held to exact numbers in {@link MemoryContract}, and so is the one reduction. */
  @Test
  void everyOpIsGuarded() {
    Set<String> ops = new TreeSet<>();
    for (Method method : Kernels.class.getMethods()) {
      ops.add(method.getName());
    }
    ops.removeAll(Set.of("name", "close", "allocate", "upload", "download", "squaredNorm"));
    assertThat(GUARDS.keySet()).containsExactlyInAnyOrderElementsOf(ops);
  }

  @ParameterizedTest
  @MethodSource("ops")
  void everyFaultInEveryDestinationIsCaught(String op) {
    for (Fault fault : Fault.values()) {
      FaultyKernels harmless = new FaultyKernels(op, fault, Integer.MAX_VALUE);
      GUARDS.get(op).accept(new Candidate(harmless.kernels()));
      if (fault != Fault.CHANGES_INPUT) {
        assertThat(harmless.candidates()).as("destinations of " + op).isPositive();
      }
      for (int which = 0; which < harmless.candidates(); which++) {
        Candidate candidate = new Candidate(new FaultyKernels(op, fault, which).kernels());
        assertThatThrownBy(
                () -> GUARDS.get(op).accept(candidate), "%s, argument %d of %s", fault, which, op)
            .isInstanceOf(AssertionError.class);
      }
    }
  }

  private static final class Candidate extends KernelsContract {
    private final Kernels kernels;

    Candidate(Kernels kernels) {
      this.kernels = kernels;
      open();
    }

    @Override
    protected Kernels kernels() {
      return kernels;
    }

    /** What a float backend claims. */
    @Override
    public double tolerance() {
      return 1e-5;
    }
  }
}
