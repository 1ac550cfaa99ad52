package org.metier.prep.dedup;

import java.io.Serializable;
import java.util.Arrays;
import org.metier.prep.BadDataException;
import org.metier.prep.document.Document;
import org.metier.prep.document.Outcome;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Rejected;

/**
 * What becomes of the documents that have duplicates or are contaminated, by their keys; all others
 * stay as they are. Takes 17 bytes for each.
 */
public final class Selection implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final RejectReason[] REASONS = RejectReason.values();
  private static final byte STAYS = -1;
  private static final int OFFSET_BITS = 40;

  private final long[] keys; // sorted
  private final byte[] reasons; // ordinals, or STAYS
  private final long[] units; // what decides the split

  Selection(long[] keys, byte[] reasons, long[] units) {
    this.keys = keys;
    this.reasons = reasons;
    this.units = units;
  }

  /** The reason as a selection keeps it. */
  static byte code(RejectReason reason) {
    return (byte) reason.ordinal();
  }

  /** The code of a document that stays. */
  static byte stays() {
    return STAYS;
  }

  /**
   * The place of a document in the input as one number, ordered as the input is.
   *
   * @throws BadDataException if the input has more than 8 million files or one of more than a
   *     tebibyte
   */
  public static long key(Document document) {
    long offset = document.offset();
    if (offset >>> OFFSET_BITS != 0 || document.file() >= 1 << 63 - OFFSET_BITS) {
      throw new BadDataException(
          "prepare.deduplication: a record at "
              + offset
              + " of file number "
              + document.file()
              + " is beyond what can be numbered (8 million files of a tebibyte)");
    }
    return (long) document.file() << OFFSET_BITS | offset;
  }

  /** Number of the file in a key. */
  static int file(long key) {
    return (int) (key >>> OFFSET_BITS);
  }

  /** Offset of the record in a key. */
  static long offset(long key) {
    return key & (1L << OFFSET_BITS) - 1;
  }

  /** The document as it stays, or its rejection. */
  public Outcome apply(Document document) {
    int index = Arrays.binarySearch(keys, key(document));
    if (index < 0) {
      return document;
    }
    return reasons[index] == STAYS
        ? document.inUnit(units[index])
        : Rejected.of(REASONS[reasons[index]], document);
  }

  /** Of all documents those with these keys go: they are contaminated. */
  public static Selection without(long[] contaminated) {
    long[] keys = contaminated.clone();
    Arrays.sort(keys);
    byte[] reasons = new byte[keys.length];
    Arrays.fill(reasons, code(RejectReason.CONTAMINATED));
    return new Selection(keys, reasons, new long[keys.length]);
  }

  /** How many documents go. */
  public long rejected() {
    long rejected = 0;
    for (byte reason : reasons) {
      rejected += reason == STAYS ? 0 : 1;
    }
    return rejected;
  }
}
