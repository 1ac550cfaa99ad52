package org.metier.prep.read;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Enumeration;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.metier.prep.BadDataException;
import org.metier.prep.document.Sha256;

/** Takes documents out of one artifact. */
final class ArtifactText {
  /** A bundle of many modules is not one document: longer files are cut between lines. */
  private static final int MAX_DOCUMENT_CHARACTERS = 1 << 15;

  private final ArtifactSource source;
  private final PathMatcher entries;

  ArtifactText(ArtifactSource source) {
    this.source = source;
    this.entries = FileSystems.getDefault().getPathMatcher("glob:" + source.entries());
  }

  /**
   * Documents of an archive, each text once, in the order of their hashes. That order has nothing
   * to do with the content, so that the first megabytes of it are a fair sample.
   */
  List<String> documents(Path archive) {
    TreeMap<String, String> byHash = new TreeMap<>();
    Consumer<String> collect =
        text -> byHash.put(Sha256.of(text.getBytes(StandardCharsets.UTF_8)), text);
    try (ZipFile zip = new ZipFile(archive.toFile())) {
      for (ZipEntry entry : matching(zip)) {
        try (InputStream in = zip.getInputStream(entry)) {
          read(in, collect);
        }
      }
    } catch (IOException e) {
      throw new BadDataException(archive + " cannot be read: " + e.getMessage(), e);
    }
    if (byHash.isEmpty()) {
      throw new BadDataException(
          "corpus.sources: " + source.artifact() + " holds no text in entries " + source.entries());
    }
    return sample(byHash.values());
  }

  private List<ZipEntry> matching(ZipFile zip) {
    List<ZipEntry> found = new ArrayList<>();
    for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
      ZipEntry entry = all.nextElement();
      if (!entry.isDirectory() && entries.matches(Path.of(entry.getName()))) {
        found.add(entry);
      }
    }
    found.sort(Comparator.comparing(ZipEntry::getName));
    return found;
  }

  private List<String> sample(Iterable<String> texts) {
    long left = source.maxMegabytes() * 1_000_000L;
    List<String> sample = new ArrayList<>();
    for (String text : texts) {
      left -= utf8Length(text);
      if (left < 0) {
        break;
      }
      sample.add(text);
    }
    return sample;
  }

  private void read(InputStream in, Consumer<String> collect) throws IOException {
    switch (source.format()) {
      case "file" -> file(in.readAllBytes(), collect);
      case "lines" -> lines(in, collect);
      case "gz-lines" -> lines(new GZIPInputStream(in, 1 << 16), collect);
      case "wordnet" -> lines(in, line -> wordNet(line, collect));
      default -> throw new IllegalStateException(source.format());
    }
  }

  private static void file(byte[] bytes, Consumer<String> collect) {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      return; // a binary file, or text in an encoding that is not known
    }
    int start = 0;
    while (text.length() - start > MAX_DOCUMENT_CHARACTERS) {
      int end = cut(text, start);
      add(text.substring(start, end), collect);
      start = end;
    }
    add(text.substring(start), collect);
  }

  /** Behind the last blank line that fits, else the last line, else (one endless line) anywhere. */
  private static int cut(String text, int start) {
    int limit = start + MAX_DOCUMENT_CHARACTERS;
    int half = start + MAX_DOCUMENT_CHARACTERS / 2;
    int blankLine = text.lastIndexOf("\n\n", limit - 2);
    if (blankLine >= half) {
      return blankLine + 2;
    }
    int line = text.lastIndexOf('\n', limit - 1);
    if (line >= half) {
      return line + 1;
    }
    return Character.isHighSurrogate(text.charAt(limit - 1)) ? limit - 1 : limit;
  }

  private static void lines(InputStream in, Consumer<String> collect) throws IOException {
    BufferedReader reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      add(line, collect);
    }
  }

  private static void add(String text, Consumer<String> collect) {
    if (!text.isBlank()) {
      collect.accept(text);
    }
  }

  /**
   * A line of WordNet's data files (wndb(5WN)): {@code offset file type words(hex) word id word id
   * … | gloss}, written as a dictionary would: {@code word, word: gloss}.
   */
  private static void wordNet(String line, Consumer<String> collect) {
    int bar = line.indexOf(" | ");
    if (bar < 0 || line.startsWith(" ")) {
      return; // the licence at the top
    }
    String[] fields = line.substring(0, bar).split(" ");
    int words = Integer.parseInt(fields[3], 16);
    StringBuilder text = new StringBuilder();
    for (int word = 0; word < words; word++) {
      text.append(word == 0 ? "" : ", ").append(fields[4 + 2 * word].replace('_', ' '));
    }
    collect.accept(text.append(": ").append(line.substring(bar + 3).strip()).toString());
  }

  static long utf8Length(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }
}
