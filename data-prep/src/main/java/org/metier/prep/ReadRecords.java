package org.metier.prep;

import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function;
import org.metier.prep.document.Document;
import org.metier.prep.document.Outcome;
import org.metier.prep.document.OutcomeBlocks;
import org.metier.prep.document.Rejected;
import org.metier.prep.document.Step;
import org.metier.prep.read.ReadCounts;

/** The records of the input as reading has left them beside the output. */
final class ReadRecords {
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

  /** The records that became documents and stayed, in the order of the input. */
  JavaRDD<Document> documents() {
    return selected().filter(Document.class::isInstance).map(Document.class::cast);
  }

  /** The records that left at a step. */
  JavaRDD<Rejected> rejected(Step step) {
    boolean whileReading = step == Step.READ || step == Step.CLEAN;
    JavaRDD<Rejected> rejected =
        whileReading
            ? blocks.flatMap(OutcomeBlocks::rejected)
            : selected().filter(Rejected.class::isInstance).map(Rejected.class::cast);
    return rejected.filter(record -> record.reason().step() == step);
  }

  /** What later stages have made of the documents that reading has left. */
  private JavaRDD<Outcome> selected() {
    return blocks.flatMap(OutcomeBlocks::documents).map(selection);
  }

  /** How many there are of both. */
  ReadCounts counts() {
    return counts;
  }
}
