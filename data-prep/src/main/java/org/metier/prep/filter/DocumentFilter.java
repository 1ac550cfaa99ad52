package org.metier.prep.filter;

import java.util.Optional;
import org.metier.prep.clean.Cleaned;
import org.metier.prep.clean.CleaningStep;
import org.metier.prep.document.RejectReason;

/** A step that decides from the text alone whether a document is kept. */
@FunctionalInterface
public interface DocumentFilter extends CleaningStep {

  /** Empty keeps the document; a reason drops it and is counted. */
  Optional<RejectReason> reject(String text);

  @Override
  default Cleaned apply(String text) {
    Optional<RejectReason> reason = reject(text);
    return reason.isPresent() ? new Cleaned.Rejected(reason.get()) : new Cleaned.Kept(text);
  }
}
