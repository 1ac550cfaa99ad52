package org.metier.prep.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.prep.BadDataException;
import org.metier.prep.Progress;

class ArtifactCorpusTest {
  @TempDir Path directory;
  private Path cache;

  /** An artifact that is in the cache already, so that Maven is not needed. */
  @BeforeEach
  void artifact() throws IOException {
    cache = Files.createDirectories(directory.resolve("cache"));
    StringBuilder bundle = new StringBuilder();
    for (int i = 0; i < 6000; i++) {
      bundle.append("function f").append(i).append("() {}\n").append(i % 9 == 0 ? "\n" : "");
    }
    ByteArrayOutputStream zipped = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(zipped)) {
      gzip.write("one\ntwo\n\none\n".getBytes(StandardCharsets.UTF_8));
    }
    try (ZipOutputStream zip =
        new ZipOutputStream(Files.newOutputStream(cache.resolve("g_a_1_sources.jar")))) {
      entry(zip, "lib/b/y.js", bundle.toString().getBytes(StandardCharsets.UTF_8));
      entry(zip, "lib/x.js", "small();\n".getBytes(StandardCharsets.UTF_8));
      entry(zip, "lib/copy.js", "small();\n".getBytes(StandardCharsets.UTF_8));
      entry(zip, "lib/latin1.js", new byte[] {'a', (byte) 0xE9, 'b'});
      entry(zip, "lib/x.css", "a {}\n".getBytes(StandardCharsets.UTF_8));
      entry(zip, "lines.gz", zipped.toByteArray());
      entry(
          zip,
          "data.noun",
          ("  1 The licence | of it\n"
                  + "00001740 03 n 02 made_up_thing 0 gadget 1 001 ~ 0000 n 0000 | no such thing  \n")
              .getBytes(StandardCharsets.UTF_8));
    }
  }

  private static void entry(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
    zip.putNextEntry(new ZipEntry(name));
    zip.write(bytes);
    zip.closeEntry();
  }

  private static ArtifactSource source(String domain, String entries, String format) {
    return new ArtifactSource(domain, "g:a:1:sources", entries, format, 1);
  }

  private List<ArtifactCorpus.DomainFile> make(ArtifactSource... sources) {
    CorpusConfig config =
        new CorpusConfig(
            directory.resolve("corpus").toString(), cache.toString(), List.of(sources));
    return new ArtifactCorpus(config, Progress.silent()).make();
  }

  private static List<String> texts(ArtifactCorpus.DomainFile file) throws IOException {
    List<String> texts = new ArrayList<>();
    for (String line : Files.readAllLines(file.file())) {
      JsonNode record = new ObjectMapper().readTree(line);
      assertThat(record.get("domain").asText()).isEqualTo(file.domain());
      texts.add(record.get("text").asText());
    }
    return texts;
  }

  @Test
  void filesAreCutBetweenLinesAndTakenOnce() throws IOException {
    List<String> texts = texts(make(source("js", "lib/**.js", "file")).get(0));
    assertThat(texts).hasSizeGreaterThan(4).contains("small();\n").doesNotHaveDuplicates();
    assertThat(texts).allMatch(text -> text.length() <= 1 << 15 && text.endsWith("\n"));
    assertThat(texts.stream().mapToInt(String::length).sum())
        .isEqualTo(new String(entryBytes("lib/b/y.js")).length() + "small();\n".length());
  }

  private byte[] entryBytes(String name) throws IOException {
    try (var zip = new java.util.zip.ZipFile(cache.resolve("g_a_1_sources.jar").toFile())) {
      return zip.getInputStream(zip.getEntry(name)).readAllBytes();
    }
  }

  @Test
  void linesAndWordNetBecomeDocuments() throws IOException {
    List<ArtifactCorpus.DomainFile> files =
        make(source("lines", "lines.gz", "gz-lines"), source("words", "data.*", "wordnet"));
    assertThat(files)
        .extracting(ArtifactCorpus.DomainFile::domain)
        .containsExactly("lines", "words");
    assertThat(texts(files.get(0))).containsExactlyInAnyOrder("one", "two");
    assertThat(texts(files.get(1))).containsExactly("made up thing, gadget: no such thing");
    assertThat(files.get(0).documents()).isEqualTo(2);
    assertThat(files.get(0).bytes()).isEqualTo(6);
  }

  @Test
  void whatIsThereIsLeftAndOtherSourcesMakeItAnew() throws IOException {
    ArtifactCorpus.DomainFile first = make(source("x", "lib/*.css", "file")).get(0);
    Object made = Files.getLastModifiedTime(first.file());
    ArtifactCorpus.DomainFile second = make(source("x", "lib/*.css", "file")).get(0);
    assertThat(second.reused()).isTrue();
    assertThat(second.documents()).isEqualTo(first.documents());
    assertThat(Files.getLastModifiedTime(second.file())).isEqualTo(made);
    ArtifactCorpus.DomainFile other = make(source("x", "lines.gz", "gz-lines")).get(0);
    assertThat(other.reused()).isFalse();
    assertThat(texts(other)).containsExactlyInAnyOrder("one", "two");
  }

  @Test
  void aFileOfSomeoneElseIsNotOverwritten() throws IOException {
    Path mine = Files.createDirectories(directory.resolve("corpus")).resolve("x.jsonl");
    Files.writeString(mine, "mine");
    requireBad(
        () -> make(source("x", "lib/*.css", "file")), "x.jsonl was not made from corpus.sources");
    assertThat(mine).hasContent("mine");
  }

  @Test
  void whatCannotBeHadIsNamed() throws IOException {
    requireBad(
        () -> make(source("x", "nothing/*", "file")), "g:a:1:sources holds no text in entries");
    Files.write(cache.resolve("g_a_1_sources.jar"), new byte[100]);
    requireBad(() -> make(source("x", "lib/*", "file")), "g_a_1_sources.jar cannot be read: ");
    requireBad(
        () -> make(new ArtifactSource("x", "org.metier.none:no-such-artifact:0", "*", "file", 1)),
        "corpus.sources: org.metier.none:no-such-artifact:0 cannot be fetched: ");
    assertThatThrownBy(() -> new ArtifactSource("x", "g:a", "*", "file", 1))
        .hasMessage("artifact must be groupId:artifactId:version[:classifier], is g:a");
    assertThatThrownBy(() -> new ArtifactSource("x", "g:a:1", "*", "pdf", 1))
        .hasMessageContaining("format must be one of");
  }

  private static void requireBad(Runnable action, String message) {
    assertThatThrownBy(action::run)
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }
}
