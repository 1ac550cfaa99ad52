package org.metier.engine.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WorkspaceTest {
  private final List<Integer> allocated = new ArrayList<>();

  private Storage allocate(int length) {
    allocated.add(length);
    return () -> length;
  }

  @Test
  void planAllocatesOnceAndExactlyWhatTheLayoutTakes() {
    Workspace.Planned<List<Tensor>> planned =
        Workspace.plan(this::allocate, w -> List.of(w.take(4, 8), w.take(3), w.take(16)));
    // 32, 3 rounded up to a cache line of 16 floats, 16
    assertThat(planned.elements()).isEqualTo(64);
    assertThat(allocated).containsExactly(64);
    List<Tensor> tensors = planned.layout();
    assertThat(tensors).extracting(Tensor::offset).containsExactly(0, 32, 48);
    assertThat(tensors.get(0).shape()).containsExactly(4, 8);
    assertThat(tensors).extracting(Tensor::storage).containsOnly(tensors.get(0).storage());
    assertThat(tensors.get(0).storage().length()).isEqualTo(64);
  }

  @Test
  void releasedMemoryIsHandedOutAgain() {
    Workspace.Planned<List<Tensor>> planned =
        Workspace.plan(
            this::allocate,
            w -> {
              Tensor kept = w.take(16);
              int mark = w.mark();
              Tensor first = w.take(64);
              w.release(mark);
              Tensor second = w.take(32);
              w.release(mark);
              Tensor third = w.take(48);
              return List.of(kept, first, second, third);
            });
    assertThat(planned.layout()).extracting(Tensor::offset).containsExactly(0, 16, 16, 16);
    // The largest of the regions that share memory counts, not their sum, nor the last.
    assertThat(planned.elements()).isEqualTo(16 + 64);
    assertThat(allocated).containsExactly(80);
  }

  @Test
  void countAllocatesNothing() {
    int elements =
        Workspace.count(
            w -> {
              int mark = w.mark();
              w.take(1000, 1000);
              w.release(mark);
              return w.take(1);
            });
    assertThat(elements).isEqualTo(1_000_000);
    assertThat(allocated).isEmpty();
  }

  @Test
  void anEmptyLayoutNeedsNothing() {
    Workspace.Planned<Tensor> planned = Workspace.plan(this::allocate, w -> w.take(0, 5));
    assertThat(planned.elements()).isZero();
    assertThat(planned.layout().size()).isZero();
  }
}
