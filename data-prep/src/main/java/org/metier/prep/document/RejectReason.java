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
  TOO_SHORT("too-short", false),
  LANGUAGE("language", false),
  GOPHER_TOO_FEW_WORDS("gopher-too-few-words", false),
  GOPHER_TOO_MANY_WORDS("gopher-too-many-words", false),
  GOPHER_MEAN_WORD_LENGTH("gopher-mean-word-length", false),
  GOPHER_SYMBOLS("gopher-symbols", false),
  GOPHER_BULLET_LINES("gopher-bullet-lines", false),
  GOPHER_ELLIPSIS_LINES("gopher-ellipsis-lines", false),
  GOPHER_ALPHABETIC_WORDS("gopher-alphabetic-words", false),
  GOPHER_STOP_WORDS("gopher-stop-words", false),
  GOPHER_DUPLICATE_LINES("gopher-duplicate-lines", false),
  GOPHER_DUPLICATE_PARAGRAPHS("gopher-duplicate-paragraphs", false),
  GOPHER_DUPLICATE_LINE_CHARACTERS("gopher-duplicate-line-characters", false),
  GOPHER_DUPLICATE_PARAGRAPH_CHARACTERS("gopher-duplicate-paragraph-characters", false),
  GOPHER_TOP_NGRAM("gopher-top-ngram", false),
  GOPHER_DUPLICATE_NGRAMS("gopher-duplicate-ngrams", false),
  C4_CURLY_BRACKET("c4-curly-bracket", false),
  C4_LOREM_IPSUM("c4-lorem-ipsum", false),
  C4_BAD_WORDS("c4-bad-words", false),
  C4_TOO_FEW_SENTENCES("c4-too-few-sentences", false),
  EXACT_DUPLICATE("exact-duplicate", false),
  NEAR_DUPLICATE("near-duplicate", false),
  CONTAMINATED("contaminated", false);

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
