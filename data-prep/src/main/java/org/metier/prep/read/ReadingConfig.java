package org.metier.prep.read;

import java.io.Serializable;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * The {@code prepare.reading} section of a run: how files become records, and tags domains.
 *
 * @param layout where text and domain are
 * @param domainFrom what the domain is made of; {@code fineweb} makes {@code host} of {@code field}
 * @param pathPattern regular expression over a file's path below the input whose first group is the
 *     domain; empty: the first directory, or the file's name up to its first dot
 * @param textFiles endings of files that are one document each, such as {@code .txt}; their domain
 *     is made of the path
 * @param domains from tag to domain; {@code *.x} stands for the tag x and all that end in {@code
 *     .x}
 * @param dropDomains domains that are counted and left out
 * @param unknownDomains what becomes of other tags
 * @param restDomain the domain of other tags, if they go to one
 * @param maxRecordMegabytes longest record, MiB; longer ones are rejected
 * @param maxExpansion most bytes that a byte of a compressed file may stand for, beyond the first
 *     64 MiB
 */
public record ReadingConfig(
    Layout layout,
    DomainFrom domainFrom,
    String pathPattern,
    List<String> textFiles,
    Map<String, String> domains,
    List<String> dropDomains,
    UnknownDomains unknownDomains,
    String restDomain,
    int maxRecordMegabytes,
    int maxExpansion)
    implements Serializable {

  public ReadingConfig {
    textFiles = List.copyOf(textFiles);
    domains = Collections.unmodifiableMap(new TreeMap<>(domains));
    dropDomains = List.copyOf(dropDomains);
    try {
      require(
          pathPattern.isEmpty() || Pattern.compile(pathPattern).matcher("").groupCount() >= 1,
          "pathPattern must have a group, such as ([^/]+)/.*, is " + pathPattern);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          "pathPattern is no regular expression: " + e.getDescription() + " in " + pathPattern, e);
    }
    for (String ending : textFiles) {
      require(
          ending.length() >= 2 && ending.startsWith("."),
          "textFiles must begin with a dot: " + ending);
    }
    domains.forEach(
        (tag, domain) -> require(!domain.isBlank(), "domains must name a domain for " + tag));
    require(!restDomain.isBlank(), "restDomain must be a name");
    require(
        maxRecordMegabytes >= 1 && maxRecordMegabytes <= 512,
        "maxRecordMegabytes must be between 1 and 512, is " + maxRecordMegabytes);
    require(maxExpansion >= 2, "maxExpansion must be at least 2, is " + maxExpansion);
  }

  /** JSONL with fields of the given names, as in {@code metier-defaults.conf}. */
  public static ReadingConfig defaults() {
    return new ReadingConfig(
        Layout.FIELDS,
        DomainFrom.FIELD,
        "",
        List.of(),
        Map.of(),
        List.of(),
        UnknownDomains.KEEP,
        "other",
        64,
        200);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /** Longest record in bytes. */
  int maxRecordBytes() {
    return maxRecordMegabytes << 20;
  }
}
