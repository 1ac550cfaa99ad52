package org.metier.prep.pack;

import java.io.Serializable;

/**
 * What packing makes of a bucket.
 *
 * @param bucket its number
 * @param documents in it
 * @param tokens of the documents, separators included
 * @param sequences rows
 * @param droppedTokens tokens that are in no row
 * @param paddingTokens inputs that stand for no token
 */
public record BucketCounts(
    int bucket, long documents, long tokens, long sequences, long droppedTokens, long paddingTokens)
    implements Serializable {

  /** Packs a bucket's documents for the counts alone. */
  public static BucketCounts of(int bucket, RowPacker rows) {
    while (rows.hasNext()) {
      rows.next();
    }
    return new BucketCounts(
        bucket,
        rows.documents(),
        rows.tokens(),
        rows.rows(),
        rows.droppedTokens(),
        rows.paddingTokens());
  }
}
