package org.metier.prep;

import org.apache.spark.api.java.JavaRDD;
import org.metier.prep.document.Document;
import org.metier.prep.document.OutcomeBlocks;
import org.metier.prep.document.Rejected;
import org.metier.prep.document.Step;
import org.metier.prep.read.ReadCounts;

/** The records of the input as reading has left them beside the output. */
final class ReadRecords {
  private final JavaRDD<byte[]> blocks;
  private final ReadCounts counts;

  ReadRecords(JavaRDD<byte[]> blocks, ReadCounts counts) {
    this.blocks = blocks;
    this.counts = counts;
  }

  /** The records that became documents, in the order of the input. */
  JavaRDD<Document> documents() {
    return blocks.flatMap(OutcomeBlocks::documents);
  }

  /** The records that did not, because of what a step found. */
  JavaRDD<Rejected> rejected(Step step) {
    return blocks.flatMap(OutcomeBlocks::rejected).filter(r -> r.reason().step() == step);
  }

  /** How many there are of both. */
  ReadCounts counts() {
    return counts;
  }
}
