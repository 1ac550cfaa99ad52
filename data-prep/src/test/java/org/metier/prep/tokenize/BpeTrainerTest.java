package org.metier.prep.tokenize;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.metier.prep.MadeUpText;
import scala.Tuple2;

class BpeTrainerTest {

  static List<Tuple2<String, Long>> count(String... texts) {
    WordCounts counts = new WordCounts();
    for (String text : texts) {
      counts.add(text.getBytes(StandardCharsets.UTF_8));
    }
    List<Tuple2<String, Long>> words = new ArrayList<>();
    counts.iterator().forEachRemaining(words::add);
    return words;
  }

  /** The algorithm as it is defined: all pairs are counted anew before every merge. */
  private static List<int[]> naive(List<Tuple2<String, Long>> counts, int wanted) {
    List<List<Integer>> words = new ArrayList<>();
    for (Tuple2<String, Long> word : counts) {
      words.add(new ArrayList<>(word._1.chars().boxed().toList()));
    }
    List<int[]> merges = new ArrayList<>();
    while (merges.size() < wanted) {
      Map<Long, Long> pairs = new HashMap<>();
      for (int w = 0; w < words.size(); w++) {
        for (int i = 0; i + 1 < words.get(w).size(); i++) {
          long pair = PairTable.pair(words.get(w).get(i), words.get(w).get(i + 1));
          pairs.merge(pair, counts.get(w)._2, Long::sum);
        }
      }
      long best = -1;
      for (Map.Entry<Long, Long> pair : pairs.entrySet()) {
        long count = pair.getValue();
        long bestCount = best < 0 ? 1 : pairs.get(best);
        if (count > bestCount || (best >= 0 && count == bestCount && pair.getKey() < best)) {
          best = pair.getKey();
        }
      }
      if (best < 0) {
        return merges;
      }
      int token = BytePairTokenizer.FIRST_MERGE + merges.size();
      merges.add(new int[] {PairTable.left(best), PairTable.right(best)});
      for (List<Integer> word : words) {
        replace(word, PairTable.left(best), PairTable.right(best), token);
      }
    }
    return merges;
  }

  static void replace(List<Integer> word, int left, int right, int token) {
    for (int i = 0; i + 1 < word.size(); i++) {
      if (word.get(i) == left && word.get(i + 1) == right) {
        word.set(i, token);
        word.remove(i + 1);
      }
    }
  }

  @Test
  void learnsWhatTheDefinitionLearns() {
    MadeUpText text = new MadeUpText(2);
    for (String corpus :
        List.of(text.prose(3000), text.hard(2000), "aaaaaaaaa abababab aaabaaab")) {
      List<Tuple2<String, Long>> counts = count(corpus);
      int[][] expected = naive(counts, 250).toArray(new int[0][]);
      int[][] learned = BpeTrainer.train(counts, 250, done -> {}).toArray(new int[0][]);
      assertThat(learned).isDeepEqualTo(expected);
    }
  }

  @Test
  void doesNotDependOnTheOrderOfWords() {
    List<Tuple2<String, Long>> counts = count(new MadeUpText(3).prose(5000));
    int[][] expected = BpeTrainer.train(counts, 300, done -> {}).toArray(new int[0][]);
    Collections.shuffle(counts, new Random(4));
    int[][] learned = BpeTrainer.train(counts, 300, done -> {}).toArray(new int[0][]);
    assertThat(learned).isDeepEqualTo(expected);
  }

  @Test
  void stopsWhenNoPairOccursTwice() {
    assertThat(BpeTrainer.train(count("abc"), 100, done -> {})).isEmpty();
    assertThat(BpeTrainer.train(count("ab", "ab"), 100, done -> {})).hasSize(1);
  }
}
