package org.metier.prep.document;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.metier.prep.MadeUpText;

class OutcomeBlocksTest {
  @Test
  void everyOutcomeComesBackInOrder() {
    MadeUpText text = new MadeUpText(5);
    List<Outcome> outcomes = new ArrayList<>();
    for (int i = 0; i < 4000; i++) {
      String words = text.hard(i == 7 ? 200_000 : 100);
      outcomes.add(
          i % 3 == 0
              ? Rejected.of(RejectReason.TOO_SHORT, i % 2 == 0 ? "" : "lăw", i, 1L << 40, words)
              : Document.of(words, "law", 9, i, 7L * i));
    }
    int blocks = 0;
    List<Outcome> documents = new ArrayList<>();
    List<Outcome> rejected = new ArrayList<>();
    for (Iterator<byte[]> encoded = OutcomeBlocks.encode(outcomes.iterator());
        encoded.hasNext();
        blocks++) {
      byte[] block = encoded.next();
      OutcomeBlocks.documents(block).forEachRemaining(documents::add);
      OutcomeBlocks.rejected(block).forEachRemaining(rejected::add);
    }
    assertThat(blocks).isGreaterThan(2);
    assertThat(documents)
        .usingRecursiveFieldByFieldElementComparator()
        .isEqualTo(outcomes.stream().filter(Document.class::isInstance).toList());
    assertThat(rejected).isEqualTo(outcomes.stream().filter(Rejected.class::isInstance).toList());
    assertThat(OutcomeBlocks.encode(Collections.emptyIterator())).isExhausted();
  }

  @Test
  void excerptsAreShortAndKeepPairsWhole() {
    String long199 = "x".repeat(199);
    Rejected rejected = Rejected.of(RejectReason.TOO_SHORT, "a", 0, 0, long199 + "😀 and more");
    assertThat(rejected.excerpt()).isEqualTo(long199);
    rejected = Rejected.of(RejectReason.TOO_SHORT, "a", 0, 0, "y" + long199 + "z");
    assertThat(rejected.excerpt()).isEqualTo("y" + long199);
  }
}
