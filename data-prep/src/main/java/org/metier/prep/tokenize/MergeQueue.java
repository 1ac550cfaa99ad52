package org.metier.prep.tokenize;

import java.util.Arrays;

/**
 * Applies the merges to one word: of all neighbours that can merge always the pair that was learned
 * first, of equal ones the leftmost. A heap over a linked list makes that O(n log n), so that a
 * word of a million bytes is no trap.
 */
final class MergeQueue {
  private int[] tokens = new int[64];
  private int[] next = new int[64]; // position of the next token; length of the word at the end
  private int[] previous = new int[64];
  private long[] heap = new long[64]; // (merged token, position): the order of merging
  private int heapSize;
  private int size;

  /** Encodes {@code bytes[from, to)}; the result is {@link #tokens()} up to {@link #size()}. */
  void merge(byte[] bytes, int from, int to, PairTable merges) {
    int length = to - from;
    reserve(length);
    for (int i = 0; i < length; i++) {
      tokens[i] = bytes[from + i] & 0xFF;
      next[i] = i + 1;
      previous[i] = i - 1;
    }
    heapSize = 0;
    for (int i = 0; i < length; i++) {
      offer(i, length, merges);
    }
    while (heapSize > 0) {
      long top = poll();
      int position = (int) top;
      int merged = (int) (top >>> 32);
      int right = next[position];
      // Outdated if the token was absorbed (-1) or one of the two has changed since.
      if (tokens[position] < 0
          || right >= length
          || merges.get(PairTable.pair(tokens[position], tokens[right])) != merged) {
        continue;
      }
      tokens[position] = merged;
      tokens[right] = -1;
      next[position] = next[right];
      if (next[right] < length) {
        previous[next[right]] = position;
      }
      offer(position, length, merges);
      if (previous[position] >= 0) {
        offer(previous[position], length, merges);
      }
    }
    compact(length);
  }

  private void compact(int length) {
    size = 0;
    for (int i = 0; i < length; i = next[i]) {
      tokens[size++] = tokens[i];
    }
  }

  private void offer(int position, int length, PairTable merges) {
    if (next[position] >= length) {
      return;
    }
    int merged = merges.get(PairTable.pair(tokens[position], tokens[next[position]]));
    if (merged >= 0) {
      push((long) merged << 32 | position);
    }
  }

  private void push(long value) {
    if (heapSize == heap.length) {
      heap = Arrays.copyOf(heap, 2 * heapSize);
    }
    int child = heapSize++;
    while (child > 0) {
      int parent = (child - 1) >>> 1;
      if (heap[parent] <= value) {
        break;
      }
      heap[child] = heap[parent];
      child = parent;
    }
    heap[child] = value;
  }

  private long poll() {
    long top = heap[0];
    long value = heap[--heapSize];
    int parent = 0;
    while (true) {
      int child = 2 * parent + 1;
      if (child >= heapSize) {
        break;
      }
      if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= value) {
        break;
      }
      heap[parent] = heap[child];
      parent = child;
    }
    heap[parent] = value;
    return top;
  }

  private void reserve(int length) {
    if (length > tokens.length) {
      int capacity = Math.max(length, 2 * tokens.length);
      tokens = new int[capacity];
      next = new int[capacity];
      previous = new int[capacity];
    }
  }

  int[] tokens() {
    return tokens;
  }

  int size() {
    return size;
  }
}
