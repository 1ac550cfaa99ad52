package org.metier.prep;

import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function;
import org.metier.prep.document.Document;
import org.metier.prep.document.Outcome;
import org.metier.prep.document.OutcomeBlocks;
import org.metier.prep.document.Rejected;
import org.metier.prep.read.ReadCounts;

/** The records of the input as reading has left them on the executors' disks, until closed. */
final class ReadRecords implements AutoCloseable {
  private final JavaRDD<byte[]> blocks;
  private final Function<Document, Outcome> selection;
  private final ReadCounts counts;

  ReadRecords(JavaRDD<byte[]> blocks, ReadCounts counts) {
    this(blocks, document -> document, counts);
  }

  private ReadRecords(
      JavaRDD<byte[]> blocks, Function<Document, Outcome> selection, ReadCounts counts) {
    this.blocks = blocks;
    this.selection = selection;
    this.counts = counts;
  }

  /**
   * The same records after a later stage has rejected some of the documents.
   *
   * @param selection of all documents that reading has left
   * @param counts of the records under that selection
   */
  ReadRecords select(Function<Document, Outcome> selection, ReadCounts counts) {
    return new ReadRecords(blocks, selection, counts);
  }

  /** All records. */
  JavaRDD<Outcome> outcomes() {
    Function<Document, Outcome> selection = this.selection;
    return blocks
        .flatMap(OutcomeBlocks::decode)
        .map(outcome -> outcome instanceof Document read ? selection.call(read) : outcome);
  }

  /** The records that became documents, in the order of the input. */
  JavaRDD<Document> documents() {
    return of(Document.class);
  }

  /** The records that did not. */
  JavaRDD<Rejected> rejected() {
    return of(Rejected.class);
  }

  private <T extends Outcome> JavaRDD<T> of(Class<T> kind) {
    return outcomes().filter(kind::isInstance).map(kind::cast);
  }

  /** How many there are of both. */
  ReadCounts counts() {
    return counts;
  }

  @Override
  public void close() {
    blocks.unpersist(false);
  }
}
