package org.metier.prep.dedup;

import java.io.Serializable;
import java.util.Arrays;
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

  /** Nothing is known about any document. */
  public static final Selection NONE = new Selection(new long[0], new byte[0], new long[0]);

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
   * @throws IllegalArgumentException if the input has more than 8 million files or one of more than
   *     a tebibyte
   */
  public static long key(Document document) {
    long offset = document.offset();
    if (offset >>> OFFSET_BITS != 0 || document.file() >= 1 << 63 - OFFSET_BITS) {
      throw new IllegalArgumentException(
          "a record at byte "
              + offset
              + " of file "
              + document.file()
              + " is beyond what deduplication can number");
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

  /** This selection, and then contaminated documents that it had let stay. */
  public Selection without(long[] contaminated) {
    long[] all = Arrays.copyOf(keys, keys.length + contaminated.length);
    System.arraycopy(contaminated, 0, all, keys.length, contaminated.length);
    all = Arrays.stream(all).sorted().distinct().toArray();
    byte[] newReasons = new byte[all.length];
    long[] newUnits = new long[all.length];
    long[] sorted = contaminated.clone();
    Arrays.sort(sorted);
    for (int i = 0; i < all.length; i++) {
      int before = Arrays.binarySearch(keys, all[i]);
      newReasons[i] = before < 0 ? STAYS : reasons[before];
      newUnits[i] = before < 0 ? 0 : units[before];
      if (Arrays.binarySearch(sorted, all[i]) >= 0) {
        newReasons[i] = code(RejectReason.CONTAMINATED);
      }
    }
    return new Selection(all, newReasons, newUnits);
  }
}
