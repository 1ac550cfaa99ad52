package org.metier.prep;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import scala.Tuple2;

class ByPartitionTest {
  @Test
  void aTaskThatRunsTwiceIsCountedOnce() {
    ByPartition<Integer> total = new ByPartition<>();
    for (int partition : new int[] {3, 1, 3}) {
      ByPartition<Integer> task = new ByPartition<>();
      task.add(new Tuple2<>(partition, 10 * partition));
      total.merge(task);
    }
    assertThat(total.value()).containsExactly(10, 30);
  }
}
