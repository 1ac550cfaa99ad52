package org.metier.prep.clean;

import java.io.Serializable;

/**
 * One step of a domain's cleaning: gives the text on, perhaps changed, or rejects the document.
 * Steps are pure: the same text has the same answer, whatever came before it.
 */
@FunctionalInterface
public interface CleaningStep extends Serializable {

  /** The text as later steps see it, or why there is none. */
  Cleaned apply(String text);
}
