package org.metier.prep.tokenize;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.IntConsumer;
import scala.Tuple2;

/**
 * Byte-pair encoding (Sennrich, Haddow, Birch 2016, arXiv:1508.07909) over bytes: again and again
 * the most frequent pair of neighbours becomes a token. Of equally frequent pairs the one with the
 * lower ids wins, so that the result does not depend on the order of the words.
 *
 * <p>Counts are kept up to date instead of being taken anew: a merge touches only the words that
 * hold its pair. The queue may hold outdated counts; they are corrected when they come to the top,
 * which is right because the count of a pair never grows after the merge that made it.
 */
public final class BpeTrainer {
  /** A pair seen once is no pattern. */
  private static final long MIN_PAIR_COUNT = 2;

  private record Candidate(long count, long pair) {}

  private static final Comparator<Candidate> MOST_FREQUENT_FIRST =
      Comparator.comparingLong(Candidate::count).reversed().thenComparingLong(Candidate::pair);

  private final int[][] words; // token ids of each word, the first lengths[w] of them valid
  private final int[] lengths;
  private final long[] wordCounts;
  private final PairTable pairIndex = new PairTable(1 << 16);
  private final List<IntList> wordsOfPair = new ArrayList<>();
  private long[] pairCounts = new long[1 << 16];
  private final PriorityQueue<Candidate> queue = new PriorityQueue<>(MOST_FREQUENT_FIRST);

  private BpeTrainer(List<Tuple2<String, Long>> counts) {
    words = new int[counts.size()][];
    lengths = new int[counts.size()];
    wordCounts = new long[counts.size()];
    for (int w = 0; w < words.length; w++) {
      byte[] bytes = counts.get(w)._1.getBytes(StandardCharsets.ISO_8859_1);
      words[w] = new int[bytes.length];
      for (int i = 0; i < bytes.length; i++) {
        words[w][i] = bytes[i] & 0xFF;
      }
      lengths[w] = bytes.length;
      wordCounts[w] = counts.get(w)._2;
    }
  }

  /**
   * Learns merges.
   *
   * @param counts words as {@link WordCounts} gives them, each once, with their counts
   * @param merges how many merges are wanted
   * @param onMerge told the number of merges done
   * @return pairs of token ids; merge i makes token {@code BytePairTokenizer.FIRST_MERGE + i}.
   *     Fewer than wanted if no pair occurs twice any more
   */
  public static List<int[]> train(
      List<Tuple2<String, Long>> counts, int merges, IntConsumer onMerge) {
    BpeTrainer trainer = new BpeTrainer(counts);
    trainer.countPairs();
    List<int[]> learned = new ArrayList<>();
    while (learned.size() < merges) {
      long pair = trainer.mostFrequentPair();
      if (pair < 0) {
        break;
      }
      trainer.merge(pair, BytePairTokenizer.FIRST_MERGE + learned.size());
      learned.add(new int[] {PairTable.left(pair), PairTable.right(pair)});
      onMerge.accept(learned.size());
    }
    return learned;
  }

  private void countPairs() {
    for (int w = 0; w < words.length; w++) {
      for (int i = 0; i + 1 < lengths[w]; i++) {
        change(PairTable.pair(words[w][i], words[w][i + 1]), wordCounts[w], w);
      }
    }
    enqueueFrom(0);
  }

  /** Adds to a pair's count; remembers the word if the pair has come into it. */
  private void change(long pair, long delta, int word) {
    int index = pairIndex.get(pair);
    if (index < 0) {
      index = wordsOfPair.size();
      pairIndex.put(pair, index);
      wordsOfPair.add(new IntList(pair));
      if (index == pairCounts.length) {
        pairCounts = Arrays.copyOf(pairCounts, 2 * pairCounts.length);
      }
    }
    pairCounts[index] += delta;
    if (delta > 0) {
      wordsOfPair.get(index).addUnlessLast(word);
    }
  }

  private void enqueueFrom(int firstIndex) {
    for (int index = firstIndex; index < wordsOfPair.size(); index++) {
      if (pairCounts[index] >= MIN_PAIR_COUNT) {
        queue.add(new Candidate(pairCounts[index], wordsOfPair.get(index).pair));
      }
    }
  }

  /** The next pair to merge, or -1. */
  private long mostFrequentPair() {
    while (!queue.isEmpty()) {
      Candidate top = queue.poll();
      long count = pairCounts[pairIndex.get(top.pair)];
      if (count == top.count) {
        return top.pair;
      }
      if (count >= MIN_PAIR_COUNT) {
        queue.add(new Candidate(count, top.pair));
      }
    }
    return -1;
  }

  private void merge(long pair, int token) {
    int index = pairIndex.get(pair);
    int firstNewPair = wordsOfPair.size();
    IntList holders = wordsOfPair.get(index);
    for (int i = 0; i < holders.size; i++) {
      mergeInWord(holders.values[i], PairTable.left(pair), PairTable.right(pair), token);
    }
    pairCounts[index] = 0;
    holders.release();
    enqueueFrom(firstNewPair);
  }

  private void mergeInWord(int w, int left, int right, int token) {
    int[] word = words[w];
    int length = lengths[w];
    long count = wordCounts[w];
    int out = 0;
    for (int i = 0; i < length; i++) {
      if (i + 1 == length || word[i] != left || word[i + 1] != right) {
        word[out++] = word[i];
        continue;
      }
      if (out > 0) {
        change(PairTable.pair(word[out - 1], left), -count, w);
        change(PairTable.pair(word[out - 1], token), count, w);
      }
      if (i + 2 < length) {
        change(PairTable.pair(right, word[i + 2]), -count, w);
        change(PairTable.pair(token, word[i + 2]), count, w);
      }
      word[out++] = token;
      i++;
    }
    lengths[w] = out;
  }

  /** The words that hold a pair, or once held it. */
  private static final class IntList {
    private final long pair;
    private int[] values = new int[2];
    private int size;

    IntList(long pair) {
      this.pair = pair;
    }

    void addUnlessLast(int value) {
      if (size > 0 && values[size - 1] == value) {
        return;
      }
      if (size == values.length) {
        values = Arrays.copyOf(values, 2 * size);
      }
      values[size++] = value;
    }

    void release() {
      values = new int[0];
      size = 0;
    }
  }
}
