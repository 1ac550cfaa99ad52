package org.metier.prep.document;

/**
 * Why a record is not a document. Every record that is read is kept or counted under one of these.
 */
public enum RejectReason {
  MALFORMED_JSON("malformed-json", Step.READ),
  INVALID_UTF8("invalid-utf-8", Step.READ),
  UNPAIRED_SURROGATE("unpaired-surrogate", Step.READ),
  TRUNCATED_FILE("truncated-file", Step.READ),
  CORRUPT_FILE("corrupt-file", Step.READ),
  DECOMPRESSION_BOMB("decompression-bomb", Step.READ),
  ZSTD_WINDOW_TOO_LARGE("zstd-window-too-large", Step.READ),
  RECORD_TOO_LONG("record-too-long", Step.READ),
  MISSING_TEXT("missing-text", Step.READ),
  MISSING_DOMAIN("missing-domain", Step.READ),
  UNKNOWN_DOMAIN("unknown-domain", Step.READ),
  /** {@code prepare.reading.dropDomains} names it: it was understood, and is not wanted. */
  DROPPED_DOMAIN("dropped-domain", Step.CLEAN),
  EMPTY_TEXT("empty-text", Step.CLEAN),
  TOO_SHORT("too-short", Step.CLEAN);

  private final String label;
  private final Step step;

  RejectReason(String label, Step step) {
    this.label = label;
    this.step = step;
  }

  /** The name that tables and reports use. */
  public String label() {
    return label;
  }

  /** Where the record left. */
  public Step step() {
    return step;
  }

  /** True if the record could not be understood, false if it was understood and is not wanted. */
  public boolean unreadable() {
    return step == Step.READ;
  }
}
