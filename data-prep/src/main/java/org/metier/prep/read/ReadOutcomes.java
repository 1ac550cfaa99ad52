package org.metier.prep.read;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Consumer;
import org.metier.prep.document.Outcome;

/** The records of several slices, one after the other. */
public final class ReadOutcomes implements Iterator<Outcome> {
  private final Iterator<FileSlice> slices;
  private final DocumentSource source;
  private final Consumer<FileSlice> atEndOfSlice;
  private final ReadCounts counts = new ReadCounts();
  private FileSlice slice; // null before the first and behind the last
  private DocumentReader reader; // of the slice
  private boolean ended;

  /**
   * @param atEndOfSlice called when all of a slice has been read
   */
  public ReadOutcomes(
      Iterator<FileSlice> slices, DocumentSource source, Consumer<FileSlice> atEndOfSlice) {
    this.slices = slices;
    this.source = source;
    this.atEndOfSlice = atEndOfSlice;
  }

  @Override
  public boolean hasNext() {
    while (!ended) {
      if (slice != null) {
        if (reader.hasNext()) {
          return true;
        }
        counts.add(reader.counts());
        atEndOfSlice.accept(slice);
      }
      if (slices.hasNext()) {
        slice = slices.next();
        reader = source.open(slice);
      } else {
        ended = true;
      }
    }
    return false;
  }

  /** What has been met; complete when there is no next record. */
  ReadCounts counts() {
    return counts;
  }

  @Override
  public Outcome next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return reader.next();
  }
}
