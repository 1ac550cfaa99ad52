package org.metier.prep.read;

import java.util.List;
import java.util.Locale;

/**
 * What a file is, by the ending of its name; {@code .gz}, {@code .zst} or {@code .bz2} may follow.
 */
enum FileFormat {
  /** One JSON object a line. */
  JSON_LINES,
  /** One JSON object a line, or one array of objects: the first byte tells. */
  JSON,
  PARQUET,
  /** A file is a document. */
  TEXT;

  private static final List<String> COMPRESSED = List.of(".gz", ".zst", ".bz2");

  /** The format of a file of this name; null if it is none that is read. */
  static FileFormat of(String name, ReadingConfig config) {
    String lower = name.toLowerCase(Locale.ROOT);
    if (lower.endsWith(".parquet")) {
      return PARQUET;
    }
    String plain = plain(lower);
    if (plain.endsWith(".jsonl") || plain.endsWith(".ndjson")) {
      return JSON_LINES;
    } else if (plain.endsWith(".json")) {
      return JSON;
    }
    boolean text =
        config.textFiles().stream()
            .anyMatch(ending -> plain.endsWith(ending.toLowerCase(Locale.ROOT)));
    return text ? TEXT : null;
  }

  /** True if a file of this name can be read from its beginning only. */
  static boolean isCompressed(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return COMPRESSED.stream().anyMatch(lower::endsWith);
  }

  private static String plain(String lower) {
    for (String ending : COMPRESSED) {
      if (lower.endsWith(ending)) {
        return lower.substring(0, lower.length() - ending.length());
      }
    }
    return lower;
  }
}
