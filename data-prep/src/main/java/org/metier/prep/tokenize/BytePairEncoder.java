package org.metier.prep.tokenize;

import java.util.Arrays;

/** Applies merges word by word and remembers the words it has met. */
final class BytePairEncoder implements Encoder {
  private static final int MAX_REMEMBERED_WORD_BYTES = 64;
  private static final int MAX_POOL_BYTES = 1 << 24;

  private final PairTable merges;
  private final PreTokenizer words = new PreTokenizer();
  private final MergeQueue queue = new MergeQueue();
  private WordTable remembered = new WordTable();
  private int[] tokensStart = new int[(1 << 11) + 1]; // word i is memory[start[i], start[i + 1])
  private int[] memory = new int[1 << 13];
  private int[] out = new int[1 << 13];
  private int size;

  BytePairEncoder(PairTable merges) {
    this.merges = merges;
  }

  @Override
  public int[] encode(byte[] utf8, int length, int[] prefix) {
    size = 0;
    append(prefix, 0, prefix.length);
    words.reset(utf8, length);
    while (words.next()) {
      int from = words.from();
      int to = words.to();
      if (to - from > MAX_REMEMBERED_WORD_BYTES) {
        queue.merge(utf8, from, to, merges);
        append(queue.tokens(), 0, queue.size());
      } else {
        int known = remembered.size();
        int word = remembered.indexOf(utf8, from, to);
        if (word == known) {
          remember(word, utf8, from, to);
        }
        append(memory, tokensStart[word], tokensStart[word + 1]);
        if (remembered.poolSize() > MAX_POOL_BYTES) {
          remembered = new WordTable();
        }
      }
    }
    return Arrays.copyOf(out, size);
  }

  private void remember(int word, byte[] utf8, int from, int to) {
    queue.merge(utf8, from, to, merges);
    if (word + 1 == tokensStart.length) {
      tokensStart = Arrays.copyOf(tokensStart, 2 * tokensStart.length);
    }
    int start = tokensStart[word];
    int end = start + queue.size();
    if (end > memory.length) {
      memory = Arrays.copyOf(memory, 2 * end);
    }
    System.arraycopy(queue.tokens(), 0, memory, start, queue.size());
    tokensStart[word + 1] = end;
  }

  private void append(int[] tokens, int from, int to) {
    int added = to - from;
    if (size + added > out.length) {
      out = Arrays.copyOf(out, Math.max(2 * out.length, size + added));
    }
    // Words have two or three tokens: a loop beats the call of arraycopy.
    for (int i = 0; i < added; i++) {
      out[size + i] = tokens[from + i];
    }
    size += added;
  }
}
