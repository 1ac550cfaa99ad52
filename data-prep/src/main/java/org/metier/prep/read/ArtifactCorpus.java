package org.metier.prep.read;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.metier.prep.BadDataException;
import org.metier.prep.Progress;

/**
 * Makes a corpus of domain-tagged JSONL out of Maven artifacts that the user's own Maven resolves.
 * What is there already from the same sources is left as it is.
 */
public final class ArtifactCorpus {
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * One domain's file.
   *
   * @param documents lines in it
   * @param bytes of UTF-8 text
   * @param reused true if an earlier run has made it
   */
  public record DomainFile(String domain, Path file, long documents, long bytes, boolean reused) {}

  /** Says from which sources a file was made, and what is in it. */
  private record Stamp(List<ArtifactSource> sources, long documents, long bytes) {}

  private final CorpusConfig config;
  private final Progress progress;

  public ArtifactCorpus(CorpusConfig config, Progress progress) {
    this.config = config;
    this.progress = progress;
  }

  /**
   * Fetches, extracts and writes what is missing.
   *
   * @return one entry for each domain, sorted by name
   * @throws BadDataException if an artifact cannot be had, holds no such text, or a file is in the
   *     way that this class did not make
   */
  public List<DomainFile> make() {
    if (config.sources().isEmpty()) {
      throw new BadDataException("corpus.sources: names no artifact");
    }
    Map<String, List<ArtifactSource>> sourcesOf =
        config.sources().stream()
            .collect(
                Collectors.groupingBy(ArtifactSource::domain, TreeMap::new, Collectors.toList()));
    List<DomainFile> files = new ArrayList<>();
    Map<String, List<ArtifactSource>> missing = new TreeMap<>();
    try {
      for (Map.Entry<String, List<ArtifactSource>> domain : sourcesOf.entrySet()) {
        Stamp stamp = readStamp(domain.getKey());
        if (stamp != null && stamp.sources.equals(domain.getValue())) {
          files.add(file(domain.getKey(), stamp, true));
        } else {
          missing.put(domain.getKey(), domain.getValue());
        }
      }
      if (!missing.isEmpty()) {
        files.addAll(make(missing));
      }
    } catch (IOException e) {
      throw new BadDataException(
          "corpus.directory: " + config.directory() + " cannot be used: " + e.getMessage(), e);
    }
    files.sort((a, b) -> a.domain().compareTo(b.domain()));
    return files;
  }

  private List<DomainFile> make(Map<String, List<ArtifactSource>> missing) throws IOException {
    List<ArtifactSource> sources = missing.values().stream().flatMap(List::stream).toList();
    Path cache = Path.of(config.cache());
    new MavenArtifacts(cache, progress).fetch(sources);
    Files.createDirectories(Path.of(config.directory()));
    progress.stage("extract", sources.size(), "artifacts");
    List<DomainFile> files = new ArrayList<>();
    long bytes = 0;
    int done = 0;
    for (Map.Entry<String, List<ArtifactSource>> domain : missing.entrySet()) {
      List<String> documents = new ArrayList<>();
      for (ArtifactSource source : domain.getValue()) {
        documents.addAll(new ArtifactText(source).documents(cache.resolve(source.fileName())));
        progress.advance(++done);
      }
      DomainFile file = write(domain.getKey(), domain.getValue(), documents);
      files.add(file);
      bytes += file.bytes();
    }
    progress.done(String.format("%d domains, %.1f MB of text", files.size(), bytes / 1e6));
    return files;
  }

  private DomainFile write(String domain, List<ArtifactSource> sources, List<String> documents)
      throws IOException {
    Path file = jsonl(domain);
    Path temporary = file.resolveSibling("." + file.getFileName() + ".partial");
    long bytes = 0;
    try (BufferedWriter out = Files.newBufferedWriter(temporary)) {
      for (String document : documents) {
        ObjectNode line = JSON.createObjectNode().put("text", document).put("domain", domain);
        out.write(JSON.writeValueAsString(line));
        out.write('\n');
        bytes += ArtifactText.utf8Length(document);
      }
    }
    Stamp stamp = new Stamp(sources, documents.size(), bytes);
    // The file is missing while its stamp changes, so that neither ever passes for another's.
    Files.deleteIfExists(file);
    Files.write(stampFile(domain), JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(stamp));
    Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
    return file(domain, stamp, false);
  }

  /** The stamp beside a domain's file; null if there is nothing yet. */
  private Stamp readStamp(String domain) throws IOException {
    Path stampFile = stampFile(domain);
    boolean made = Files.exists(jsonl(domain));
    if (!Files.exists(stampFile)) {
      if (made) {
        throw new BadDataException(
            "corpus.directory: "
                + jsonl(domain)
                + " was not made from corpus.sources; choose another directory");
      }
      return null;
    }
    if (!made) {
      return null;
    }
    try {
      return JSON.readValue(stampFile.toFile(), Stamp.class);
    } catch (IOException | IllegalArgumentException e) {
      throw new BadDataException(stampFile + " is corrupt; remove it and " + jsonl(domain), e);
    }
  }

  private DomainFile file(String domain, Stamp stamp, boolean reused) {
    return new DomainFile(domain, jsonl(domain), stamp.documents, stamp.bytes, reused);
  }

  private Path jsonl(String domain) {
    return Path.of(config.directory(), domain + ".jsonl");
  }

  private Path stampFile(String domain) {
    return Path.of(config.directory(), "." + domain + ".sources.json");
  }
}
