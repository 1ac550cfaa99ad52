package org.metier.engine.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TensorTest {
  private final Storage storage = () -> 100;

  @Test
  void knowsItsShape() {
    Tensor tensor = new Tensor(storage, 7, 4, 3, 5);
    assertThat(tensor.size()).isEqualTo(60);
    assertThat(tensor.rank()).isEqualTo(3);
    assertThat(tensor.rows()).isEqualTo(4);
    assertThat(tensor.rowSize()).isEqualTo(15);
    assertThat(tensor.dim(2)).isEqualTo(5);
    assertThat(tensor).hasToString("Tensor[4, 3, 5]@7");
  }

  @Test
  void rowsAreAViewOfTheSameStorage() {
    Tensor view = new Tensor(storage, 7, 4, 3, 5).rows(1, 2);
    assertThat(view.storage()).isSameAs(storage);
    assertThat(view.offset()).isEqualTo(7 + 15);
    assertThat(view.shape()).containsExactly(2, 3, 5);
    assertThat(view.firstRows(1).offset()).isEqualTo(22);
    assertThat(view.firstRows(0).size()).isZero();
    assertThat(view.rows(2, 0).size()).isZero();
  }

  @Test
  void reshapeKeepsElements() {
    Tensor view = new Tensor(storage, 7, 4, 3, 5).reshape(6, 10);
    assertThat(view.offset()).isEqualTo(7);
    assertThat(view.shape()).containsExactly(6, 10);
    assertThatThrownBy(() -> view.reshape(7, 9))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("[6, 10] cannot be seen as [7, 9]");
  }

  @Test
  void shapesAreCopiedInAndOut() {
    int[] shape = {2, 3};
    Tensor tensor = new Tensor(storage, 0, shape);
    shape[0] = 50;
    tensor.shape()[1] = 50;
    assertThat(tensor.shape()).containsExactly(2, 3);
  }

  @Test
  void aWindowThatDoesNotFitIsRefused() {
    assertThat(new Tensor(storage, 40, 60).size()).isEqualTo(60);
    assertThatThrownBy(() -> new Tensor(storage, 41, 60))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("tensor [60] at offset 41 does not fit a storage of 100 elements");
    assertThatThrownBy(() -> new Tensor(storage, -1, 1))
        .isInstanceOf(IllegalArgumentException.class);
    Tensor tensor = new Tensor(storage, 0, 4, 5);
    assertThatThrownBy(() -> tensor.rows(3, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rows [3, 5) of [4, 5]");
    assertThatThrownBy(() -> tensor.rows(-1, 2)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> tensor.rows(0, -1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void sizesBeyondAnArrayAreRefused() {
    assertThat(Tensor.sizeOf()).isEqualTo(1);
    assertThat(Tensor.sizeOf(1 << 30)).isEqualTo(1 << 30);
    assertThatThrownBy(() -> Tensor.sizeOf(1 << 16, 1 << 15))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("shape [65536, 32768] has more than 2^31 - 1 elements");
    assertThatThrownBy(() -> Tensor.sizeOf(3, -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("negative extent in [3, -1]");
  }
}
