package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class DataOrderTest {
  private static final List<Long> SIZES = List.of(5L, 3L, 9L);

  @Test
  void everyEpochReadsEverySequenceOnceAndEachInItsOwnOrder() {
    long[] zero = epoch(new DataOrder(SIZES, 1), 0);
    long[] one = epoch(new DataOrder(SIZES, 1), 1);
    long[] two = epoch(new DataOrder(SIZES, 1), 2);
    long[] all = LongStream.range(0, 17).toArray();
    assertThat(zero).isEqualTo(all);
    assertThat(one).containsExactlyInAnyOrder(all).isNotEqualTo(zero);
    assertThat(two).containsExactlyInAnyOrder(all).isNotEqualTo(one);
  }

  @Test
  void aPositionMeansTheSameWhereverReadingStarts() {
    DataOrder walked = new DataOrder(SIZES, 3);
    for (long position = 0; position < 60; position++) {
      assertThat(new DataOrder(SIZES, 3).at(position)).isEqualTo(walked.at(position));
    }
    assertThat(walked.at(20)).isEqualTo(new DataOrder(SIZES, 3).at(20)); // and backwards
  }

  @Test
  void theSeedDecides() {
    assertThat(epoch(new DataOrder(SIZES, 1), 1)).isNotEqualTo(epoch(new DataOrder(SIZES, 2), 1));
  }

  private static long[] epoch(DataOrder order, long epoch) {
    return LongStream.range(17 * epoch, 17 * (epoch + 1)).map(order::at).toArray();
  }
}
