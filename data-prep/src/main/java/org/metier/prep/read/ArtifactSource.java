package org.metier.prep.read;

import java.util.List;

/**
 * Real text inside an ordinary Maven artifact.
 *
 * @param domain tag of the documents
 * @param artifact {@code groupId:artifactId:version[:classifier]}
 * @param entries glob over the names in the archive, such as <code>Lib/**.py</code>
 * @param format {@code file}: an entry is a document, cut between lines if it is long; {@code
 *     lines}, {@code gz-lines}: a line is a document; {@code wordnet}: a synset with its gloss is a
 *     document
 * @param maxMegabytes of text that are taken at most, a fair sample of what there is
 */
public record ArtifactSource(
    String domain, String artifact, String entries, String format, int maxMegabytes) {
  private static final List<String> FORMATS = List.of("file", "lines", "gz-lines", "wordnet");

  public ArtifactSource {
    require(!domain.isBlank() && !domain.contains("/"), "domain must be a file name: " + domain);
    int parts = artifact.split(":", -1).length;
    require(
        parts == 3 || parts == 4,
        "artifact must be groupId:artifactId:version[:classifier], is " + artifact);
    require(FORMATS.contains(format), "format must be one of " + FORMATS + ", is '" + format + "'");
    require(maxMegabytes >= 1, "maxMegabytes must be at least 1, is " + maxMegabytes);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /** Name of the artifact's file in the cache. */
  String fileName() {
    return artifact.replace(':', '_') + ".jar";
  }
}
