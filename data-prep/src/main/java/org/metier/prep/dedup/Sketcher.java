package org.metier.prep.dedup;

import org.metier.prep.dedup.DeduplicationConfig.Method;
import org.metier.prep.dedup.DeduplicationConfig.Shingle;
import org.metier.prep.document.Document;
import org.metier.prep.text.Hashing;
import org.metier.prep.text.TextUnits;

/** Makes the sketches of documents, one after the other. */
final class Sketcher {
  private static final int[] NO_SIGNATURE = {};

  private final DeduplicationConfig config;
  private final MinHash minHash;
  private final TextUnits units = new TextUnits();

  Sketcher(DeduplicationConfig config, MinHash minHash) {
    this.config = config;
    this.minHash = minHash;
  }

  Sketch sketch(Document document) {
    String text = document.text();
    long normalHigh = normalHash(text, 1);
    long normalLow = normalHash(text, 2);
    return new Sketch(
        Selection.key(document),
        document.domain(),
        document.utf8().length,
        document.high(),
        document.low(),
        normalHigh,
        normalLow,
        config.method() == Method.NEAR ? signature(text) : NO_SIGNATURE);
  }

  /** The signature of a text's shingles; empty if it has none. */
  int[] signature(String text) {
    if (config.shingle() == Shingle.WORD) {
      units.words(text);
    } else {
      units.characters(text);
    }
    return units.size() == 0 ? NO_SIGNATURE : minHash.signature(units.ngrams(config.shingleSize()));
  }

  /** One half of a 128-bit hash of the text in small letters, with one space between its words. */
  private static long normalHash(String text, long half) {
    long hash = Hashing.mix(half);
    long factor = Hashing.mix(-half) | 1;
    boolean space = false;
    boolean begun = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isWhitespace(c)) {
        space = begun;
        continue;
      }
      if (space) {
        hash = (hash ^ ' ') * factor;
        hash ^= hash >>> 29;
        space = false;
      }
      hash = (hash ^ Character.toLowerCase(c)) * factor;
      hash ^= hash >>> 29;
      begun = true;
    }
    return Hashing.mix(hash);
  }
}
