package org.metier.engine.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Laws of {@link Routing#sortByExpert}. */
class RoutingTest {

  /** Any choice at all, even one that names an expert twice for a token. */
  @Property(seed = "1", edgeCases = EdgeCasesMode.FIRST)
  void sortByExpertIsAStablePartition(
      @ForAll @IntRange(min = 0, max = 40) int tokens,
      @ForAll @IntRange(min = 1, max = 12) int experts,
      @ForAll @IntRange(min = 1, max = 5) int topK,
      @ForAll int seed) {
    Routing routing = new Routing(tokens + 3, experts, topK);
    Random random = new Random(seed);
    // A larger content first: nothing of it may shine through.
    fill(routing, tokens + 3, random);
    fill(routing, tokens, random);

    int rows = tokens * topK;
    assertThat(routing.tokens()).isEqualTo(tokens);
    assertThat(routing.rows()).isEqualTo(rows);
    assertThat(routing.offsets[0]).isZero();
    assertThat(routing.offsets[experts]).isEqualTo(rows);
    for (int e = 0; e < experts; e++) {
      int expected = 0;
      for (int slot = 0; slot < rows; slot++) {
        expected += routing.expertOfSlot[slot] == e ? 1 : 0;
      }
      assertThat(routing.count(e)).isEqualTo(expected);
      for (int row = routing.offsets[e]; row < routing.offsets[e + 1]; row++) {
        int slot = routing.slotOfRow[row];
        assertThat(routing.expertOfSlot[slot]).isEqualTo(e);
        assertThat(routing.rowOfSlot[slot]).isEqualTo(row);
        if (row > routing.offsets[e]) {
          assertThat(slot).as("slot order within expert").isGreaterThan(routing.slotOfRow[row - 1]);
        }
      }
    }
  }

  private static void fill(Routing routing, int tokens, Random random) {
    for (int slot = 0; slot < tokens * routing.topK(); slot++) {
      routing.expertOfSlot[slot] = random.nextInt(routing.numExperts());
    }
    routing.sortByExpert(tokens);
  }
}
