package org.metier.prep.read;

/** What becomes of a tag that the domain map does not name. */
public enum UnknownDomains {
  /** It is a domain of that name. */
  KEEP,
  /** It goes to the rest domain. */
  REST,
  /** The job stops. */
  STOP
}
