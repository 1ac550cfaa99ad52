package org.metier.prep.pack;

import java.util.Iterator;
import java.util.NoSuchElementException;
import scala.Tuple2;

/**
 * The rows of one bucket as often as the mixture has them, each under the key that brings it to its
 * place in the global shuffle.
 */
public final class PackedSequences implements Iterator<Tuple2<SequenceKey, PackedRow>> {
  private final int number;
  private final Bucket bucket;
  private final RowPacker rows;
  private final Mixture mixture;
  private PackedRow row; // of the copies that are being given
  private long index = -1;
  private long copy;
  private long copies;

  public PackedSequences(int number, Bucket bucket, RowPacker rows, Mixture mixture) {
    this.number = number;
    this.bucket = bucket;
    this.rows = rows;
    this.mixture = mixture;
  }

  @Override
  public boolean hasNext() {
    while (copy == copies && rows.hasNext()) {
      row = rows.next();
      index++;
      copy = 0;
      copies = mixture.copies(number, index);
    }
    return copy < copies;
  }

  @Override
  public Tuple2<SequenceKey, PackedRow> next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    long unique = mixture.numberOf(number, index, copy++);
    return new Tuple2<>(new SequenceKey(bucket.orderOf(unique), number, unique), row);
  }
}
