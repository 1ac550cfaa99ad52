package org.metier.prep.read;

import java.util.List;

/**
 * The {@code corpus} section of a run: real text out of Maven artifacts.
 *
 * @param directory receives one {@code <domain>.jsonl} for each domain
 * @param cache keeps the artifacts
 * @param sources where the text comes from; a domain may have several
 */
public record CorpusConfig(String directory, String cache, List<ArtifactSource> sources) {
  public CorpusConfig {
    sources = List.copyOf(sources);
  }
}
