package org.metier.prep.document;

/**
 * A record that did not become, or did not stay, a document.
 *
 * @param reason why
 * @param domain the domain tag; empty if the record could not be read so far
 * @param file number of the file in the order of the input
 * @param offset where the record begins: see {@link Document#offset()}
 * @param excerpt its first {@value #EXCERPT_CHARACTERS} characters, raw where it could not be read,
 *     else of its text
 */
public record Rejected(RejectReason reason, String domain, int file, long offset, String excerpt)
    implements Outcome {
  /** Longest excerpt, in UTF-16 units. */
  public static final int EXCERPT_CHARACTERS = 200;

  /** The rejection of a record with the beginning of {@code text} as its excerpt. */
  public static Rejected of(
      RejectReason reason, String domain, int file, long offset, String text) {
    return new Rejected(reason, domain, file, offset, excerpt(text));
  }

  /** The rejection of a document that was read. */
  public static Rejected of(RejectReason reason, Document document) {
    return of(reason, document.domain(), document.file(), document.offset(), document.text());
  }

  private static String excerpt(String text) {
    if (text.length() <= EXCERPT_CHARACTERS) {
      return text;
    }
    boolean splitsPair = Character.isHighSurrogate(text.charAt(EXCERPT_CHARACTERS - 1));
    return text.substring(0, splitsPair ? EXCERPT_CHARACTERS - 1 : EXCERPT_CHARACTERS);
  }
}
