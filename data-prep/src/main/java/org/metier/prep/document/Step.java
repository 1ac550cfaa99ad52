package org.metier.prep.document;

import java.util.Locale;

/** The steps at which a record can leave the corpus, in the order in which they are taken. */
public enum Step {
  /** From the bytes of a file to a text and a domain. */
  READ,
  /** Clean-up and filters, document by document. */
  CLEAN,
  /** Exact and near duplicates. */
  DEDUPLICATE,
  /** Training text that is in the held-out documents, too. */
  DECONTAMINATE,
  /** The mixture of the domains. */
  MIX;

  /** The name that tables use. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
