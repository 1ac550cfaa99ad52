package org.metier.prep.clean;

import org.metier.prep.document.RejectReason;

/** What cleaning makes of a text. */
public sealed interface Cleaned {

  /** A text that stays, as it is now. */
  record Kept(String text) implements Cleaned {}

  /** A text that goes, and why. */
  record Rejected(RejectReason reason) implements Cleaned {}
}
