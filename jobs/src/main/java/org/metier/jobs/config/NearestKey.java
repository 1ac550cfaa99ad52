package org.metier.jobs.config;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Finds the key that a misspelt one was meant to be. */
final class NearestKey {
  private NearestKey() {}

  /**
   * The known key with the fewest edits to {@code unknown}; a right name in a wrong section counts
   * as one edit. Empty if even the nearest one is too far off to be meant.
   */
  static Optional<String> to(String unknown, List<String> known) {
    int allowed = Math.max(1, lastName(unknown).length() / 3);
    return known.stream()
        .min(
            Comparator.comparingInt((String key) -> distance(unknown, key))
                .thenComparingInt(key -> edits(plain(unknown), plain(key))))
        .filter(key -> distance(unknown, key) <= allowed);
  }

  private static int distance(String unknown, String key) {
    int elsewhere = 1 + edits(plain(lastName(unknown)), plain(lastName(key)));
    return Math.min(edits(plain(unknown), plain(key)), elsewhere);
  }

  private static String lastName(String key) {
    return key.substring(key.lastIndexOf('.') + 1);
  }

  /** local-steps and local_steps are localSteps in another spelling. */
  private static String plain(String key) {
    return key.replaceAll("[-_]", "").toLowerCase(Locale.ROOT);
  }

  /** Levenshtein distance. */
  static int edits(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int substitution = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(substitution, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
