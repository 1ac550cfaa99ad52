package org.metier.prep.pack;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SequencePackerTest {
  private static final int SEPARATOR = 0;

  @Test
  void everyTokenButTheFirstIsATargetOnce() {
    Random random = new Random(1);
    for (int trial = 0; trial < 200; trial++) {
      int length = 2 + random.nextInt(9);
      List<int[]> documents = new ArrayList<>();
      for (int d = random.nextInt(12); d > 0; d--) {
        documents.add(IntStream.range(0, 1 + random.nextInt(15)).toArray());
      }
      int[] stream = documents.stream().flatMapToInt(IntStream::of).toArray();
      SequencePacker packer = new SequencePacker(documents.iterator(), length);
      int position = 0;
      while (packer.hasNext()) {
        int[] row = packer.next();
        assertThat(row)
            .isEqualTo(java.util.Arrays.copyOfRange(stream, position, position + length + 1));
        position += length;
      }
      int rows = Math.max(0, (stream.length - 1) / length);
      assertThat(packer.rows()).isEqualTo(rows);
      assertThat(packer.tokens()).isEqualTo(stream.length);
      assertThat(packer.documents()).isEqualTo(documents.size());
      assertThat(packer.droppedTokens())
          .isEqualTo(rows == 0 ? stream.length : stream.length - (rows * length + 1));
    }
  }

  @Test
  void documentsBeginAtTheirSeparator() {
    assertThat(SequencePacker.documentStart(new int[] {7, 0, 8, 0, 0, 9, 0}, SEPARATOR))
        .containsExactly(0, 1, 1, 3, 4, 4);
    assertThat(SequencePacker.documentStart(new int[] {7, 8, 9}, SEPARATOR)).containsExactly(0, 0);
  }
}
