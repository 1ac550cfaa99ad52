package org.metier.prep.pack;

import java.io.Serializable;
import java.util.Iterator;

/**
 * What packing makes of a bucket.
 *
 * @param bucket its number
 * @param documents in it
 * @param tokens of the documents, separators included
 * @param sequences whole rows
 * @param droppedTokens tokens left over at the end
 */
public record BucketCounts(
    int bucket, long documents, long tokens, long sequences, long droppedTokens)
    implements Serializable {

  /** Packs a bucket's documents for the counts alone. */
  public static BucketCounts of(int bucket, Iterator<int[]> documents, int sequenceLength) {
    SequencePacker packer = new SequencePacker(documents, sequenceLength);
    while (packer.hasNext()) {
      packer.next();
    }
    return new BucketCounts(
        bucket, packer.documents(), packer.tokens(), packer.rows(), packer.droppedTokens());
  }
}
