package org.metier.prep.read;

/** What the domain tag of a record is made of. */
public enum DomainFrom {
  /** The value of a field. */
  FIELD,
  /** The host of the URL in a field, in lower case and without {@code www.}. */
  HOST,
  /** The path of the file. */
  PATH
}
