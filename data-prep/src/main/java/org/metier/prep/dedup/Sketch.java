package org.metier.prep.dedup;

import java.io.Serializable;

/**
 * What deduplication needs to know of a document.
 *
 * @param key of the document: see {@link Selection#key}
 * @param domain the domain tag
 * @param bytes length of the text in UTF-8
 * @param high first 64 bits of the document's identity
 * @param low next 64 bits
 * @param normalHigh first 64 bits of the hash of the text without letter case and whitespace
 * @param normalLow next 64 bits
 * @param signature MinHash values; empty where there are no shingles, or only equal texts are asked
 *     for
 */
record Sketch(
    long key,
    String domain,
    int bytes,
    long high,
    long low,
    long normalHigh,
    long normalLow,
    int[] signature)
    implements Serializable {

  /** True if the texts are equal but for letter case and whitespace. */
  boolean saysTheSameAs(Sketch other) {
    return normalHigh == other.normalHigh && normalLow == other.normalLow;
  }

  /** The same without its signature, which takes most of the room. */
  Sketch withoutSignature() {
    return new Sketch(key, domain, bytes, high, low, normalHigh, normalLow, new int[0]);
  }
}
