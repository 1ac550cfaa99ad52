package org.metier.prep.pack;

import java.io.Serializable;
import java.util.Arrays;
import org.metier.prep.shard.TokenSequence;

/**
 * A row as it is shuffled: T inputs, of which the first {@code filled} stand for text.
 *
 * @param tokens T + 1 ids
 * @param begins position in the row where each document begins, ascending, the first 0
 * @param documentIds of the same documents: {@link org.metier.prep.document.Document#low()}
 * @param filled inputs that are no padding
 */
public record PackedRow(int[] tokens, int[] begins, long[] documentIds, int filled)
    implements Serializable {

  /**
   * The row with its columns written out. A target counts if it belongs to the same document as its
   * input or is the separator that ends that document; padding counts never.
   *
   * @param domain of all its documents
   */
  TokenSequence toSequence(int domain, int separator) {
    int length = tokens.length - 1;
    int[] start = new int[length];
    int[] documents = new int[length];
    int[] lossMask = new int[length];
    int[] domains = new int[length];
    Arrays.fill(domains, domain);
    for (int d = 0; d < begins.length; d++) {
      int end = d + 1 < begins.length ? begins[d + 1] : filled;
      Arrays.fill(start, begins[d], end, begins[d]);
      Arrays.fill(documents, begins[d], end, d);
      Arrays.fill(lossMask, begins[d], end, 1);
      boolean cutOff = end < length && tokens[end] != separator;
      if (cutOff) { // a piece of another document follows
        lossMask[end - 1] = 0;
      }
    }
    Arrays.fill(start, filled, length, filled);
    Arrays.fill(documents, filled, length, TokenSequence.PADDING);
    return new TokenSequence(tokens, start, domains, documents, lossMask, documentIds);
  }
}
