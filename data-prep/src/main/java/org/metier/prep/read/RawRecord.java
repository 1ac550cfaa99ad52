package org.metier.prep.read;

import org.metier.prep.document.RejectReason;

/** A record as it is found in a file, before anything is made of its domain tag. */
sealed interface RawRecord {

  /** Where it begins: see {@link org.metier.prep.document.Document#offset()}. */
  long offset();

  /**
   * One with a text.
   *
   * @param domainField the value of the domain field; empty if there is none
   */
  record Readable(long offset, String text, String domainField) implements RawRecord {}

  /**
   * One without.
   *
   * @param excerpt the raw beginning
   */
  record Unreadable(long offset, RejectReason reason, String excerpt) implements RawRecord {}
}
