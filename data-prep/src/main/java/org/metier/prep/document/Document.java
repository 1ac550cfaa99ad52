package org.metier.prep.document;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;

/**
 * One text with its domain tag.
 *
 * <p>The identity of a document is the first 128 bits of SHA-256 over the seed and the text. Split,
 * bucket and order are functions of it alone, so that they depend neither on files nor on
 * partitions, and equal texts always fall on one side of the split.
 *
 * @param utf8 the text
 * @param domain the domain tag
 * @param high first 64 bits of the identity; decides the split
 * @param low next 64 bits; decide the bucket
 */
public record Document(byte[] utf8, String domain, long high, long low) {

  /** The document of a text under a seed. */
  public static Document of(String text, String domain, long seed) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    MessageDigest sha256 = Sha256.digest();
    sha256.update(ByteBuffer.allocate(Long.BYTES).putLong(seed).flip());
    ByteBuffer identity = ByteBuffer.wrap(sha256.digest(utf8));
    return new Document(utf8, domain, identity.getLong(), identity.getLong());
  }

  /** The side on which this document falls if {@code heldOutShare} of all are held out. */
  public Split split(double heldOutShare) {
    double uniform = (high >>> 11) * 0x1p-53; // in [0, 1)
    return uniform < heldOutShare ? Split.HELD_OUT : Split.TRAIN;
  }
}
