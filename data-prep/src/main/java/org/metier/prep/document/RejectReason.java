package org.metier.prep.document;

/**
 * Why a record is not a document. Every record that is read is kept or counted under one of these.
 */
public enum RejectReason {
  MALFORMED_JSON("malformed-json", true),
  TRUNCATED_FILE("truncated-file", true),
  LINE_TOO_LONG("line-too-long", true),
  MISSING_TEXT("missing-text", true),
  MISSING_DOMAIN("missing-domain", true),
  UNPAIRED_SURROGATE("unpaired-surrogate", true),
  EMPTY_TEXT("empty-text", false),
  TOO_SHORT("too-short", false);

  private final String label;
  private final boolean unreadable;

  RejectReason(String label, boolean unreadable) {
    this.label = label;
    this.unreadable = unreadable;
  }

  /** The name that reports use. */
  public String label() {
    return label;
  }

  /** True if the record could not be understood, false if it was understood and is not wanted. */
  public boolean unreadable() {
    return unreadable;
  }
}
