package org.metier.prep.pack;

import java.io.Serializable;
import java.util.Iterator;
import scala.Tuple2;

/**
 * How documents become rows of a fixed length. Either way each token knows where its document
 * begins, so that attention does not cross documents.
 *
 * @param method see {@link Method}
 */
public record PackingConfig(Method method) implements Serializable {

  /** Ways of packing. */
  public enum Method {
    /** Documents end to end, cut wherever a row is full: no padding, many documents cut. */
    SEQUENTIAL,
    /** A document is cut only where it is longer than a row; what is left of a row is padding. */
    BEST_FIT
  }

  /** Packs the documents of one bucket, in their order. */
  public RowPacker packer(
      Iterator<Tuple2<DocumentKey, int[]>> documents, int separator, int sequenceLength) {
    return switch (method) {
      case SEQUENTIAL -> new SequentialPacker(documents, sequenceLength);
      case BEST_FIT -> new BestFitPacker(documents, separator, sequenceLength);
    };
  }
}
