package org.metier.prep.shard;

/**
 * One packed sequence of T input tokens. The arrays belong to the reader: they must not be changed.
 *
 * @param tokens T + 1 token ids; input t is {@code tokens[t]}, its target {@code tokens[t + 1]}
 * @param documentStart T positions: where in the row the document of input token t begins, 0 if it
 *     began before the row; attention never looks further back
 * @param domains T indices into {@link ShardManifest#domains()}
 * @param documents T indices into {@code documentIds}, {@link #PADDING} for padding
 * @param lossMask T numbers: 1 if the target of input t counts, 0 if it is padding or belongs to
 *     another document
 * @param documentIds second half of the identity of each document in the row, in order; a document
 *     that is packed into two rows has its id in both
 */
public record TokenSequence(
    int[] tokens,
    int[] documentStart,
    int[] domains,
    int[] documents,
    int[] lossMask,
    long[] documentIds) {
  /** The document of an input that stands for no text. */
  public static final int PADDING = -1;

  /** True if input t stands for text. */
  public boolean isText(int t) {
    return documents[t] != PADDING;
  }

  /** True if the target of input t counts in the loss. */
  public boolean counts(int t) {
    return lossMask[t] != 0;
  }
}
