package org.metier.prep.pack;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.metier.prep.document.Document;
import org.metier.prep.shard.TokenSequence;
import scala.Tuple2;

class PackersTest {
  private static final int SEPARATOR = 0;

  /** Documents of 1 to {@code longest} tokens, separator first, the others counted up. */
  private static List<Tuple2<DocumentKey, int[]>> documents(Random random, int count, int longest) {
    List<Tuple2<DocumentKey, int[]>> documents = new ArrayList<>();
    for (int d = 0; d < count; d++) {
      byte[] text = ("document " + d).getBytes(StandardCharsets.UTF_8);
      Document document = new Document(text, "x", 1000 + d, 2000 + d, 0, 0);
      int[] tokens = IntStream.range(0, 1 + random.nextInt(longest)).toArray();
      documents.add(new Tuple2<>(new DocumentKey(0, document), tokens));
    }
    return documents;
  }

  @Test
  void sequentialPackingMakesEveryTokenButTheFirstATargetOnce() {
    Random random = new Random(1);
    for (int trial = 0; trial < 200; trial++) {
      int length = 2 + random.nextInt(9);
      List<Tuple2<DocumentKey, int[]>> documents = documents(random, random.nextInt(12), 15);
      int[] stream = documents.stream().flatMapToInt(d -> IntStream.of(d._2)).toArray();
      long[] owner =
          documents.stream()
              .flatMapToLong(d -> IntStream.of(d._2).mapToLong(t -> d._1.documentId()))
              .toArray();
      SequentialPacker packer = new SequentialPacker(documents.iterator(), length);
      int position = 0;
      while (packer.hasNext()) {
        TokenSequence row = packer.next().toSequence(3, SEPARATOR);
        assertThat(row.tokens())
            .isEqualTo(Arrays.copyOfRange(stream, position, position + length + 1));
        for (int t = 0; t < length; t++) {
          assertThat(row.documentIds()[row.documents()[t]]).isEqualTo(owner[position + t]);
          boolean sameBefore = t > 0 && owner[position + t] == owner[position + t - 1];
          assertThat(row.documentStart()[t]).isEqualTo(sameBefore ? row.documentStart()[t - 1] : t);
          assertThat(row.counts(t)).isTrue();
          assertThat(row.domains()[t]).isEqualTo(3);
        }
        assertThat(row.documentIds()).hasSize(row.documents()[length - 1] + 1);
        position += length;
      }
      int rows = Math.max(0, (stream.length - 1) / length);
      assertThat(packer.rows()).isEqualTo(rows);
      assertThat(packer.tokens()).isEqualTo(stream.length);
      assertThat(packer.documents()).isEqualTo(documents.size());
      assertThat(packer.paddingTokens()).isZero();
      assertThat(packer.droppedTokens())
          .isEqualTo(rows == 0 ? stream.length : stream.length - (rows * length + 1));
    }
  }

  /** Every document is put together again from the rows, and every target is checked. */
  @Test
  void bestFitPackingKeepsEveryTokenOnceAndCutsOnlyLongDocuments() {
    Random random = new Random(2);
    for (int trial = 0; trial < 300; trial++) {
      int length = 2 + random.nextInt(12);
      List<Tuple2<DocumentKey, int[]>> documents =
          documents(random, random.nextInt(30), 1 + random.nextInt(3 * length));
      Map<Long, int[]> tokensOf = new HashMap<>();
      documents.forEach(d -> tokensOf.put(d._1.documentId(), d._2));
      Map<Long, TreeMap<Integer, Integer>> found = new HashMap<>(); // first token → inputs
      BestFitPacker packer = new BestFitPacker(documents.iterator(), SEPARATOR, length);
      long padding = 0;
      while (packer.hasNext()) {
        TokenSequence row = packer.next().toSequence(0, SEPARATOR);
        padding += requireRow(row, tokensOf, found);
      }
      assertThat(packer.paddingTokens()).isEqualTo(padding);
      assertThat(packer.droppedTokens()).isZero();
      assertThat(packer.documents()).isEqualTo(documents.size());
      assertThat(packer.rows() * length - padding).isEqualTo(packer.tokens());
      for (Map.Entry<Long, int[]> document : tokensOf.entrySet()) {
        int position = 0;
        for (Map.Entry<Integer, Integer> piece : found.get(document.getKey()).entrySet()) {
          assertThat(piece.getKey()).isEqualTo(position);
          position += piece.getValue();
        }
        int[] tokens = document.getValue();
        assertThat(position).isEqualTo(tokens.length);
        assertThat(found.get(document.getKey()))
            .hasSize((tokens.length + length - 1) / length); // no more pieces than there must be
      }
    }
  }

  /** Checks one row; returns its padding. */
  private static int requireRow(
      TokenSequence row, Map<Long, int[]> tokensOf, Map<Long, TreeMap<Integer, Integer>> found) {
    int length = row.documents().length;
    int t = 0;
    while (t < length && row.isText(t)) {
      int begin = t;
      int document = row.documents()[t];
      while (t < length && row.documents()[t] == document) {
        assertThat(row.documentStart()[t]).isEqualTo(begin);
        t++;
      }
      long id = row.documentIds()[document];
      int[] tokens = tokensOf.get(id);
      int first = row.tokens()[begin]; // the tokens of a document count up from the separator 0
      assertThat(found.computeIfAbsent(id, i -> new TreeMap<>()).put(first, t - begin)).isNull();
      for (int i = begin; i < t; i++) {
        int at = first + i - begin;
        assertThat(row.tokens()[i]).isEqualTo(tokens[at]);
        int target = at + 1 < tokens.length ? tokens[at + 1] : SEPARATOR;
        assertThat(row.counts(i)).isEqualTo(row.tokens()[i + 1] == target);
        assertThat(row.counts(i) || i == t - 1).isTrue();
      }
    }
    for (int p = t; p < length; p++) {
      assertThat(row.isText(p)).isFalse();
      assertThat(row.counts(p)).isFalse();
      assertThat(row.documentStart()[p]).isEqualTo(t);
      assertThat(row.tokens()[p]).isEqualTo(SEPARATOR);
    }
    return length - t;
  }

  @Test
  void bestFitPackingWastesLittle() {
    List<Tuple2<DocumentKey, int[]>> documents = documents(new Random(3), 20_000, 400);
    BestFitPacker packer = new BestFitPacker(documents.iterator(), SEPARATOR, 256);
    while (packer.hasNext()) {
      packer.next();
    }
    assertThat(packer.paddingTokens()).isLessThan(packer.tokens() / 500);
  }

  @Test
  void anEndOfALongDocumentIsNotTheTargetOfAnother() {
    // ends of two long documents meet in one row: the first lacks its separator
    List<Tuple2<DocumentKey, int[]>> documents = new ArrayList<>();
    for (int d = 0; d < 2; d++) {
      Document document = new Document(new byte[0], "x", d, d, 0, 0);
      documents.add(new Tuple2<>(new DocumentKey(0, document), new int[] {0, 1, 2, 3, 4, 5}));
    }
    BestFitPacker packer = new BestFitPacker(documents.iterator(), SEPARATOR, 4);
    packer.next();
    packer.next();
    TokenSequence row = packer.next().toSequence(0, SEPARATOR);
    assertThat(packer.hasNext()).isFalse();
    assertThat(row.tokens()).containsExactly(4, 5, 4, 5, 0);
    assertThat(row.documentStart()).containsExactly(0, 0, 2, 2);
    assertThat(row.lossMask()).containsExactly(1, 0, 1, 1);
  }
}
