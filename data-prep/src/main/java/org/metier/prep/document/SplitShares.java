package org.metier.prep.document;

import java.io.Serializable;
import java.util.List;

/**
 * How large the splits are. A document's split is a function of its identity alone: held-out text
 * comes first, so that giving the validation split a share takes it from training.
 *
 * @param validation share of the documents that is looked at while a model trains; 0 for none
 * @param heldOut share that only measures it in the end
 */
public record SplitShares(double validation, double heldOut) implements Serializable {

  /** The split of a document. */
  public Split of(Document document) {
    double uniform = (document.high() >>> 11) * 0x1p-53; // in [0, 1)
    if (uniform < heldOut) {
      return Split.HELD_OUT;
    }
    return uniform < heldOut + validation ? Split.VALIDATION : Split.TRAIN;
  }

  /** The splits that have a share. */
  public List<Split> splits() {
    return validation > 0
        ? List.of(Split.TRAIN, Split.VALIDATION, Split.HELD_OUT)
        : List.of(Split.TRAIN, Split.HELD_OUT);
  }
}
