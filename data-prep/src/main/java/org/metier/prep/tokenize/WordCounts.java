package org.metier.prep.tokenize;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Iterator;
import scala.Tuple2;

/**
 * How often each word of the pre-tokenizer occurs. A word leaves as a string with one character
 * 0–255 per byte: compact, comparable and hashable, so that Spark can add the counts of many tasks.
 */
public final class WordCounts {
  /** Longer words (long runs of one sign, base64) would cost time and teach no merge of use. */
  static final int MAX_WORD_BYTES = 256;

  private final PreTokenizer words = new PreTokenizer();
  private final WordTable table = new WordTable();
  private long[] counts = new long[1 << 11];

  /** Counts the words of one text. */
  public void add(byte[] utf8) {
    words.reset(utf8, utf8.length);
    while (words.next()) {
      if (words.to() - words.from() > MAX_WORD_BYTES) {
        continue;
      }
      int index = table.indexOf(utf8, words.from(), words.to());
      if (index >= counts.length) {
        counts = Arrays.copyOf(counts, 2 * counts.length);
      }
      counts[index]++;
    }
  }

  /** All words with their counts. */
  public Iterator<Tuple2<String, Long>> iterator() {
    return new Iterator<>() {
      private int index;

      @Override
      public boolean hasNext() {
        return index < table.size();
      }

      @Override
      public Tuple2<String, Long> next() {
        String word = new String(table.word(index), StandardCharsets.ISO_8859_1);
        return new Tuple2<>(word, counts[index++]);
      }
    };
  }
}
