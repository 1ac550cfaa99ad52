package org.metier.prep.filter;

import java.util.Optional;
import org.metier.prep.document.RejectReason;

/**
 * Drops documents without a visible character, and those that are too short to teach anything.
 *
 * @param minCharacters fewest Unicode characters (code points) of a document that is kept
 */
public record LengthFilter(int minCharacters) implements DocumentFilter {

  @Override
  public Optional<RejectReason> reject(String text) {
    if (text.isBlank()) {
      return Optional.of(RejectReason.EMPTY_TEXT);
    }
    boolean tooShort =
        text.length() < minCharacters
            || (text.length() < 2L * minCharacters
                && text.codePointCount(0, text.length()) < minCharacters);
    return tooShort ? Optional.of(RejectReason.TOO_SHORT) : Optional.empty();
  }
}
