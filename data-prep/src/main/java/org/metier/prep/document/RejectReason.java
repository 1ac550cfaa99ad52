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
  TOO_SHORT("too-short", Step.CLEAN),
  LANGUAGE("language", Step.CLEAN),
  GOPHER_TOO_FEW_WORDS("gopher-too-few-words", Step.CLEAN),
  GOPHER_TOO_MANY_WORDS("gopher-too-many-words", Step.CLEAN),
  GOPHER_MEAN_WORD_LENGTH("gopher-mean-word-length", Step.CLEAN),
  GOPHER_SYMBOLS("gopher-symbols", Step.CLEAN),
  GOPHER_BULLET_LINES("gopher-bullet-lines", Step.CLEAN),
  GOPHER_ELLIPSIS_LINES("gopher-ellipsis-lines", Step.CLEAN),
  GOPHER_ALPHABETIC_WORDS("gopher-alphabetic-words", Step.CLEAN),
  GOPHER_STOP_WORDS("gopher-stop-words", Step.CLEAN),
  GOPHER_DUPLICATE_LINES("gopher-duplicate-lines", Step.CLEAN),
  GOPHER_DUPLICATE_PARAGRAPHS("gopher-duplicate-paragraphs", Step.CLEAN),
  GOPHER_DUPLICATE_LINE_CHARACTERS("gopher-duplicate-line-characters", Step.CLEAN),
  GOPHER_DUPLICATE_PARAGRAPH_CHARACTERS("gopher-duplicate-paragraph-characters", Step.CLEAN),
  GOPHER_TOP_NGRAM("gopher-top-ngram", Step.CLEAN),
  GOPHER_DUPLICATE_NGRAMS("gopher-duplicate-ngrams", Step.CLEAN),
  C4_CURLY_BRACKET("c4-curly-bracket", Step.CLEAN),
  C4_LOREM_IPSUM("c4-lorem-ipsum", Step.CLEAN),
  C4_BAD_WORDS("c4-bad-words", Step.CLEAN),
  C4_TOO_FEW_SENTENCES("c4-too-few-sentences", Step.CLEAN),
  EXACT_DUPLICATE("exact-duplicate", Step.DEDUPLICATE),
  NEAR_DUPLICATE("near-duplicate", Step.DEDUPLICATE),
  CONTAMINATED("contaminated", Step.DECONTAMINATE);

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
