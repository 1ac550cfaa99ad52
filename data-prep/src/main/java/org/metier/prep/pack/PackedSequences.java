package org.metier.prep.pack;

import java.util.Iterator;
import scala.Tuple2;

/** The rows of one bucket, each under the key that brings it to its place in the global shuffle. */
public final class PackedSequences implements Iterator<Tuple2<SequenceKey, int[]>> {
  private final int number;
  private final Bucket bucket;
  private final SequencePacker rows;

  public PackedSequences(int number, Bucket bucket, Iterator<int[]> documents, int sequenceLength) {
    this.number = number;
    this.bucket = bucket;
    this.rows = new SequencePacker(documents, sequenceLength);
  }

  @Override
  public boolean hasNext() {
    return rows.hasNext();
  }

  @Override
  public Tuple2<SequenceKey, int[]> next() {
    long index = rows.rows();
    return new Tuple2<>(new SequenceKey(bucket.orderOf(index), number, index), rows.next());
  }
}
