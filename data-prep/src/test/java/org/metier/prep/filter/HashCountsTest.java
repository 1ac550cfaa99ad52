package org.metier.prep.filter;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HashCountsTest {

  @Test
  void countsAsAMapDoesHoweverItGrows() {
    Random random = new Random(2);
    for (int expected : new int[] {0, 8, 100, 5000}) {
      HashCounts counts = new HashCounts(expected);
      for (int round = 0; round < 2; round++) {
        Map<Long, Integer> map = new HashMap<>();
        for (int i = 0; i < 10_000; i++) {
          // multiples of 2^32: they all begin at few places
          long hash = (long) random.nextInt(3000) << 32;
          assertThat(counts.add(hash)).isEqualTo(map.merge(hash, 1, Integer::sum));
        }
        counts.clear();
      }
    }
  }
}
