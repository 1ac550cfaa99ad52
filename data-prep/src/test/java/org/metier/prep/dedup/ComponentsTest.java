package org.metier.prep.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Test;

class ComponentsTest {

  @Test
  void everyKeyHasTheSmallestNameInReach() {
    Components components = new Components(new long[] {5, 3, 9, 5, 7, 8, 8, 8});
    assertThat(components.keys()).containsExactly(3, 5, 7, 8, 9);
    assertThat(components.nameOf(9)).isEqualTo(3);
    assertThat(components.nameOf(8)).isEqualTo(7);
    assertThat(components.nameOf(4)).isEqualTo(4); // no edge
    assertThat(new Components(new long[0]).spanningForest()).isEmpty();
  }

  @Test
  void aForestOfForestsConnectsTheSame() {
    Random random = new Random(1);
    long[] edges = random.longs(4000, 0, 3000).toArray();
    Components whole = new Components(edges);
    LongPairs forests = new LongPairs();
    for (int part = 0; part < 8; part++) {
      long[] some = java.util.Arrays.copyOfRange(edges, part * 500, part * 500 + 500);
      forests.addAll(new Components(some).spanningForest());
    }
    Components ofForests = new Components(forests.toArray());
    assertThat(forests.toArray()).hasSizeLessThan(edges.length);
    for (long key : whole.keys()) {
      assertThat(ofForests.nameOf(key)).isEqualTo(whole.nameOf(key));
    }
  }

  @Test
  void pairsAreAllOfASmallGroupAndEnoughOfALargeOne() {
    List<Row> rows = new ArrayList<>();
    rows.add(RowFactory.create(-3L, 1L));
    for (long key = 10; key < 13; key++) {
      rows.add(RowFactory.create(2L, key));
    }
    for (long key = 0; key < 100; key++) {
      rows.add(RowFactory.create(4L, key));
    }
    List<String> pairs = new ArrayList<>();
    new CandidatePairs(rows.iterator(), 1, 3)
        .forEachRemaining(pair -> pairs.add(pair[0] + " " + pair[1]));
    assertThat(pairs.subList(0, 3)).containsExactlyInAnyOrder("10 11", "10 12", "11 12");
    assertThat(pairs)
        .contains("0 99", "98 99", "97 99", "96 99")
        .doesNotContain("95 99", "12 0")
        .hasSize(3 + 1 + 2 + 3 + 4 * 96);
  }
}
