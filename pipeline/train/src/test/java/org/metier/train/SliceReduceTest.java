package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.metier.train.ParameterSlices.Slice;
import org.metier.train.SliceReduce.Contribution;

class SliceReduceTest {
  private static final int SIZE = 1001;
  private static final List<Block> BLOCKS =
      List.of(Block.VALUE, Block.FIRST_MOMENT, Block.SECOND_MOMENT);

  @Test
  void oneWorkersMeanIsItsOwnBits() {
    float[] values = draw(1);
    for (long tokens : new long[] {1, 3, 4097, (1 << 29) - 1}) {
      List<Contribution> one = new ArrayList<>(List.of(contribution(0, tokens, values)));
      assertThat(floats(SliceReduce.mean(one))).isEqualTo(values);
    }
  }

  @Test
  void theOrderOfArrivalDoesNotMatter() {
    List<Contribution> all = new ArrayList<>();
    for (int w = 0; w < 5; w++) {
      all.add(contribution(w, 100 + 17 * w, draw(w)));
    }
    byte[] expected = SliceReduce.mean(all);
    for (int trial = 0; trial < 10; trial++) {
      Collections.shuffle(all, new Random(trial));
      assertThat(SliceReduce.mean(all)).isEqualTo(expected);
    }
  }

  @Test
  void workersCountByTheirTokens() {
    List<Contribution> two = new ArrayList<>();
    two.add(contribution(0, 300, new float[] {1, 10}));
    two.add(contribution(1, 100, new float[] {5, -10}));
    assertThat(floats(SliceReduce.mean(two))).containsExactly(2, 5);
  }

  @Test
  void slicesCoverEveryBlockOnceAndStaySmall() {
    for (int size : new int[] {1, 7, 1000, 4096}) {
      for (int parallelism : new int[] {1, 2, 5, 64}) {
        ParameterSlices cut = ParameterSlices.cut(BLOCKS, size, 256, parallelism);
        int[][] covered = new int[3][size];
        for (int id = 0; id < cut.slices().size(); id++) {
          Slice slice = cut.slices().get(id);
          assertThat(slice.id()).isEqualTo(id);
          assertThat(slice.count() * Float.BYTES).isBetween(4, 256);
          for (int i = slice.from(); i < slice.from() + slice.count(); i++) {
            covered[BLOCKS.indexOf(slice.block())][i]++;
          }
        }
        for (int[] block : covered) {
          assertThat(Arrays.stream(block).allMatch(times -> times == 1)).isTrue();
        }
      }
    }
  }

  @Test
  void twoHundredMillionParametersTravelInSlicesOfAtMostSixtyFourMebibytes() {
    ParameterSlices cut = ParameterSlices.cut(BLOCKS, 200_000_000, 64 << 20, 2);
    assertThat(cut.slices()).allMatch(slice -> slice.bytes() <= 64 << 20);
    assertThat(cut.slices().stream().mapToLong(Slice::bytes).sum()).isEqualTo(3 * 800_000_000L);
  }

  private static float[] draw(long seed) {
    Random random = new Random(seed);
    float[] values = new float[SIZE];
    for (int i = 0; i < SIZE; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static Contribution contribution(int worker, long tokens, float[] values) {
    return new Contribution(worker, tokens, ParameterSlices.encode(values, 0, values.length));
  }

  private static float[] floats(byte[] bytes) {
    float[] values = new float[bytes.length / Float.BYTES];
    ParameterSlices.decode(bytes, values, 0);
    return values;
  }
}
