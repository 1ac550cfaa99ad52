package org.metier.prep.document;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;

/**
 * One text with its domain tag.
 *
 * <p>The identity of a document is the first 128 bits of SHA-256 over the seed and the text. Split,
 * bucket and order are functions of it alone, so that they depend neither on files nor on
 * partitions, and equal texts always fall on one side of the split. Where a document comes from is
 * carried for the tables alone.
 *
 * @param utf8 the text
 * @param domain the domain tag
 * @param high first 64 bits of the identity, or of the one that stands for a cluster of duplicates;
 *     decides the split
 * @param low next 64 bits; decide the bucket
 * @param file number of the file in the order of the input
 * @param offset where the record begins: the byte of the (uncompressed) file, or the row of a
 *     Parquet file
 */
public record Document(byte[] utf8, String domain, long high, long low, int file, long offset)
    implements Outcome {

  /** The document of a text under a seed. */
  public static Document of(String text, String domain, long seed, int file, long offset) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    MessageDigest sha256 = Sha256.digest();
    sha256.update(ByteBuffer.allocate(Long.BYTES).putLong(seed).flip());
    ByteBuffer identity = ByteBuffer.wrap(sha256.digest(utf8));
    return new Document(utf8, domain, identity.getLong(), identity.getLong(), file, offset);
  }

  /**
   * The same document as one of several near-duplicates that stay: it falls on the side of the
   * split on which a document with that first half of an identity falls.
   */
  public Document inUnit(long unit) {
    return unit == high ? this : new Document(utf8, domain, unit, low, file, offset);
  }

  /** The text as a string. */
  public String text() {
    return new String(utf8, StandardCharsets.UTF_8);
  }
}
