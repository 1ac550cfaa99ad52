package org.metier.prep.read;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The domain tag that the path of a file gives. */
final class PathTag {
  private final Pattern pattern; // null: the first directory, or the name up to its first dot

  PathTag(ReadingConfig config) {
    String text = config.pathPattern();
    pattern = text.isEmpty() ? null : Pattern.compile(text);
  }

  /**
   * The tag; empty if the pattern does not match.
   *
   * @param relative path below the input; the name alone of a file that is named itself
   */
  String of(String relative) {
    if (pattern != null) {
      Matcher matcher = pattern.matcher(relative);
      String group = matcher.matches() ? matcher.group(1) : null;
      return group == null ? "" : group;
    }
    int slash = relative.indexOf('/');
    if (slash >= 0) {
      return relative.substring(0, slash);
    }
    int dot = relative.indexOf('.');
    return dot < 0 ? relative : relative.substring(0, dot);
  }
}
