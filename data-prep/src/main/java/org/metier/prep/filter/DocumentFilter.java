package org.metier.prep.filter;

import java.io.Serializable;
import java.util.Optional;
import org.metier.prep.document.RejectReason;

/** Decides from the text alone whether a document is kept. Filters are pure. */
@FunctionalInterface
public interface DocumentFilter extends Serializable {

  /** Empty keeps the document; a reason drops it and is counted. */
  Optional<RejectReason> reject(String text);
}
