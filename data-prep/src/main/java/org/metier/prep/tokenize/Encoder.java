package org.metier.prep.tokenize;

/**
 * Encodes texts with one tokenizer. Not for two threads at a time: each task makes its own.
 *
 * <p>A special token that is written out in a text is encoded as the text it is, so that no
 * document can put a separator into the stream.
 */
public interface Encoder {

  /**
   * Token ids of {@code utf8[0, length)} behind the ids of {@code prefix}.
   *
   * @param utf8 valid UTF-8
   */
  int[] encode(byte[] utf8, int length, int[] prefix);

  /** Token ids of a text that is valid UTF-8. */
  default int[] encode(byte[] utf8) {
    return encode(utf8, utf8.length, new int[0]);
  }
}
