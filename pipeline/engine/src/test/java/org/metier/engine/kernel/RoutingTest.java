package org.metier.engine.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
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

  /** Against a list per expert that is sorted and cut off. */
  @Property(seed = "2", edgeCases = EdgeCasesMode.FIRST)
  void capacityKeepsTheFirstOrTheMostProbable(
      @ForAll @IntRange(min = 0, max = 30) int tokens,
      @ForAll @IntRange(min = 1, max = 6) int experts,
      @ForAll @IntRange(min = 0, max = 4) int nulls,
      @ForAll @IntRange(min = 1, max = 3) int topK,
      @ForAll @IntRange(min = 1, max = 30) int tenths,
      @ForAll DropPolicy policy,
      @ForAll int seed) {
    double factor = tenths / 10.0;
    Routing routing =
        new Routing(tokens + 3, experts, nulls, topK, new ExpertCapacity(factor, policy));
    Random random = new Random(seed);
    fill(routing, tokens + 3, random);
    fill(routing, tokens, random);
    int room = (int) Math.ceil(factor * topK * tokens / (experts + nulls));

    int row = 0;
    for (int e = 0; e < experts; e++) {
      List<Integer> slots = new ArrayList<>();
      for (int slot = 0; slot < tokens * topK; slot++) {
        if (routing.expertOfSlot[slot] == e) {
          slots.add(slot);
        }
      }
      int chosen = slots.size();
      if (policy
          == DropPolicy.PROBABILITY) { // List.sort is stable: the earlier of equals comes first
        slots.sort(Comparator.comparingDouble(slot -> -routing.probabilityOfSlot[slot]));
      }
      // A capacity above the number of tokens is none, even where a token names an expert twice.
      List<Integer> kept = slots.subList(0, Math.min(Math.min(room, tokens), chosen));
      assertThat(routing.dropped[e]).isEqualTo(chosen - kept.size());
      assertThat(routing.count(e)).isEqualTo(kept.size());
      for (int slot : kept.stream().sorted().toList()) {
        assertThat(routing.slotOfRow[row]).isEqualTo(slot);
        assertThat(routing.rowOfSlot[slot]).isEqualTo(row);
        row++;
      }
    }
    assertThat(routing.rows()).isEqualTo(row);
    int absent = 0;
    for (int slot = 0; slot < routing.slots(); slot++) {
      absent += routing.hasRow(slot) ? 0 : 1;
      assertThat(routing.isDropped(slot))
          .isEqualTo(!routing.hasRow(slot) && routing.expertOfSlot[slot] < experts);
    }
    assertThat(absent).isEqualTo(routing.slots() - row);
  }

  private static void fill(Routing routing, int tokens, Random random) {
    for (int slot = 0; slot < tokens * routing.topK(); slot++) {
      routing.expertOfSlot[slot] = random.nextInt(routing.columns());
      if (routing.needsProbabilities()) {
        routing.probabilityOfSlot[slot] = random.nextInt(8) / 8.0; // with ties
      }
    }
    routing.sortByExpert(tokens);
  }
}
