package org.metier.prep.read;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.metier.prep.LocalSpark;
import org.metier.prep.MadeUpText;
import org.metier.prep.Preparation;
import org.metier.prep.PrepareConfig;
import org.metier.prep.PrepareFixture;
import org.metier.prep.PrepareReport;
import org.metier.prep.Progress;
import org.metier.prep.document.Document;
import org.metier.prep.document.Outcome;
import org.metier.prep.document.Rejected;

/**
 * Ten thousand mutated records through every reader: none may crash it, and each is accounted for,
 * by a count that does not use the reader where the format has one.
 */
@Timeout(300)
class FuzzTest {
  private static final Configuration HADOOP = new Configuration();
  private static final int RECORDS = 20; // in one file

  @TempDir Path directory;

  private final Random random = new Random(2026);
  private final MadeUpText text = new MadeUpText(7);

  /** What a reader made of a file. */
  private record Found(List<Document> documents, List<Rejected> rejected) {
    int records() {
      return documents.size() + rejected.size();
    }

    Set<String> texts() {
      Set<String> texts = new HashSet<>();
      documents.forEach(document -> texts.add(document.text()));
      return texts;
    }
  }

  private Found read(String name, byte[] bytes) throws IOException {
    Path file = Files.write(directory.resolve(name), bytes);
    ReadingConfig reading = new ReadingFixture().textFiles(".txt").config();
    PrepareConfig config = new PrepareFixture(Path.of("out"), file).reading(reading).config();
    Found found = new Found(new ArrayList<>(), new ArrayList<>());
    DocumentSource source = new DocumentSource(config, HADOOP);
    for (FileSlice slice : InputFiles.list(config, HADOOP).slices(1 + random.nextInt(5_000))) {
      DocumentReader reader = source.read(slice);
      long records = 0;
      while (reader.hasNext()) {
        Outcome outcome = reader.next();
        records++;
        if (outcome instanceof Document document) {
          found.documents.add(document);
        } else {
          found.rejected.add((Rejected) outcome);
        }
      }
      assertThat(reader.counts().records()).isEqualTo(records);
    }
    return found;
  }

  private String record(String words) {
    StringBuilder json = new StringBuilder("{\"id\": ").append(random.nextInt(1000));
    json.append(", \"text\": \"");
    for (char c : words.toCharArray()) {
      if (c < 0x20 || c == '"' || c == '\\') {
        json.append(String.format("\\u%04x", (int) c));
      } else {
        json.append(c);
      }
    }
    return json.append("\", \"domain\": \"law\", \"n\": [1, {\"a\": null}]}").toString();
  }

  /** Bits, bytes, stretches: changed, added, removed, repeated, cut off. */
  private byte[] mutate(byte[] bytes) {
    byte[] mutated = bytes;
    for (int times = 1 + random.nextInt(3); times > 0 && mutated.length > 0; times--) {
      int at = random.nextInt(mutated.length);
      int length = Math.min(1 + random.nextInt(12), mutated.length - at);
      mutated =
          switch (random.nextInt(7)) {
            case 0 -> set(mutated, at, mutated[at] ^ 1 << random.nextInt(8));
            case 1 -> set(mutated, at, random.nextInt(256));
            case 2 -> set(mutated, at, "\"{}[]\\,:\n\0".charAt(random.nextInt(10)));
            case 3 -> join(mutated, at, new byte[0], at + length);
            case 4 -> join(mutated, at, Arrays.copyOfRange(mutated, at, at + length), at);
            case 5 -> join(mutated, at, noise(), at);
            default -> random.nextInt(4) == 0 ? Arrays.copyOf(mutated, at) : set(mutated, at, 0xFF);
          };
    }
    return mutated;
  }

  private byte[] noise() {
    byte[] noise = new byte[1 + random.nextInt(20)];
    random.nextBytes(noise);
    return noise;
  }

  private static byte[] set(byte[] bytes, int at, int value) {
    byte[] copy = bytes.clone();
    copy[at] = (byte) value;
    return copy;
  }

  private static byte[] join(byte[] bytes, int end, byte[] between, int start) {
    byte[] joined = new byte[end + between.length + bytes.length - start];
    System.arraycopy(bytes, 0, joined, 0, end);
    System.arraycopy(between, 0, joined, end, between.length);
    System.arraycopy(bytes, start, joined, end + between.length, bytes.length - start);
    return joined;
  }

  private static byte[] utf8(String string) {
    return string.getBytes(StandardCharsets.UTF_8);
  }

  private byte[] concatenate(List<byte[]> records, String separator) {
    byte[] all = new byte[0];
    for (byte[] record : records) {
      all =
          join(
              all,
              all.length,
              all.length == 0
                  ? record
                  : join(utf8(separator), separator.length(), record, separator.length()),
              all.length);
    }
    return all;
  }

  /** Lines that are not blank, counted without a reader. */
  private static int lines(byte[] bytes) {
    int lines = 0;
    for (String line : new String(bytes, StandardCharsets.ISO_8859_1).split("\n", -1)) {
      lines += line.matches("[ \t\r]*") ? 0 : 1;
    }
    return lines;
  }

  @Test
  void linesOfJson() throws IOException {
    for (int file = 0; file < 5000 / RECORDS; file++) {
      Set<String> untouched = new HashSet<>();
      List<byte[]> records = new ArrayList<>();
      for (int i = 0; i < RECORDS; i++) {
        String words = text.hard(10);
        records.add(mutate(utf8(record(words))));
        String kept = "kept " + file + " " + i + text.hard(5);
        records.add(utf8(record(kept)));
        untouched.add(kept);
      }
      byte[] bytes = concatenate(records, "\n");
      Found found = read("fuzz.jsonl", bytes);
      assertThat(found.records()).isEqualTo(lines(bytes));
      assertThat(found.texts()).containsAll(untouched);
      for (Document document : found.documents) {
        assertThat(utf8(document.text())).isEqualTo(document.utf8());
      }
    }
  }

  @Test
  void elementsOfAnArray() throws IOException {
    for (int file = 0; file < 2000 / RECORDS; file++) {
      List<byte[]> records = new ArrayList<>();
      String first = "first " + file;
      records.add(utf8("[" + record(first)));
      for (int i = 0; i < RECORDS; i++) {
        records.add(mutate(utf8(record(text.hard(10)))));
      }
      byte[] bytes = join(concatenate(records, ",\n"), 0, new byte[0], 0);
      Found found = read("fuzz.json", join(bytes, bytes.length, utf8("]"), bytes.length));
      assertThat(found.texts()).contains(first);
      // An element that lost a bracket takes others with it; one that gained some becomes several.
      assertThat(found.records()).isBetween(2, 1 + 20 * RECORDS);
      requireInOrder(found);
    }
  }

  private static void requireInOrder(Found found) {
    Set<Long> offsets = new HashSet<>();
    found.documents.forEach(document -> offsets.add(document.offset()));
    found.rejected.forEach(record -> offsets.add(record.offset()));
    assertThat(offsets).hasSize(found.records());
  }

  @Test
  void filesOfText() throws IOException {
    for (int file = 0; file < 400; file++) {
      byte[] bytes = mutate(utf8(text.hard(50)));
      Found found = read("fuzz.txt", bytes);
      assertThat(found.records()).isEqualTo(bytes.length == 0 ? 0 : 1);
    }
  }

  @Test
  void compressedFiles() throws IOException {
    for (String ending : List.of(".gz", ".zst", ".bz2")) {
      for (int file = 0; file < 40; file++) {
        List<byte[]> records = new ArrayList<>();
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < RECORDS; i++) {
          texts.add(text.hard(60));
          records.add(utf8(record(texts.get(i))));
        }
        byte[] plain = concatenate(records, "\n");
        byte[] whole = FormatsTest.compress(ending, plain);
        byte[] mutated = mutate(whole);
        Found found = read("fuzz.jsonl" + ending, mutated);
        requireInOrder(found);
        // Bytes that no check sum covers may change; else the damage itself is a record.
        boolean complete = found.texts().containsAll(texts);
        assertThat(complete || mutated.length == 0 || !found.rejected.isEmpty())
            .as(
                "%s %d: %d of %d bytes, %d",
                ending, file, mutated.length, whole.length, found.documents.size())
            .isTrue();
      }
    }
  }

  @Test
  void rowsOfParquet() throws IOException {
    for (int file = 0; file < 60; file++) {
      List<String> texts = new ArrayList<>();
      int rows = RECORDS - 3 + file % 6;
      for (int i = 0; i < rows; i++) {
        texts.add(text.hard(10));
      }
      Path whole = ParquetFixture.write(directory.resolve("whole.parquet"), texts, 1 << 20);
      byte[] bytes = mutate(Files.readAllBytes(whole));
      Found found = read("fuzz.parquet", bytes);
      // All rows, or the one record that says that there is no footer, or no sense in it.
      assertThat(found.records()).isIn(0, 1, rows);
      requireInOrder(found);
    }
  }

  @Test
  void aCorpusOfMutatedFilesIsAccountedForByTheJob() throws IOException {
    Path input = Files.createDirectories(directory.resolve("in"));
    for (int i = 0; i < 6; i++) {
      List<byte[]> good = new ArrayList<>();
      List<byte[]> bad = new ArrayList<>();
      List<String> texts = new ArrayList<>();
      for (int r = 0; r < 3 * RECORDS; r++) {
        texts.add(text.hard(30));
        good.add(utf8(record(text.prose(50))));
        bad.add(mutate(utf8(record(text.prose(50)))));
      }
      Files.write(input.resolve(i + "good.jsonl"), concatenate(good, "\n"));
      Files.write(input.resolve(i + "bad.jsonl"), concatenate(bad, "\n"));
      Files.write(input.resolve(i + "bad.json"), concatenate(bad, ","));
      for (String ending : List.of(".gz", ".zst", ".bz2")) {
        byte[] whole = FormatsTest.compress(ending, concatenate(good, "\n"));
        Files.write(input.resolve(i + "cut.jsonl" + ending), mutate(whole));
      }
      Path parquet = ParquetFixture.write(directory.resolve("p.parquet"), texts, 1 << 20);
      Files.write(input.resolve(i + ".parquet"), mutate(Files.readAllBytes(parquet)));
    }
    TreeMap<String, List<String>> tables = new TreeMap<>();
    for (String output : List.of("a", "b")) {
      PrepareConfig config =
          new PrepareFixture(directory.resolve(output), input)
              .reading(new ReadingFixture().config())
              .maxRejectedShare(1)
              .sequencesPerShard(100_000)
              .config();
      PrepareReport report = new Preparation(LocalSpark.session(), config, Progress.silent()).run();
      long rejected = report.rejected().values().stream().mapToLong(Long::longValue).sum();
      assertThat(report.recordsRead()).isEqualTo(report.documents() + rejected);
      Path at = directory.resolve(output + "/tables");
      Dataset<Row> table = LocalSpark.session().read().parquet(at + "/rejected");
      assertThat(table.count()).isEqualTo(rejected).isGreaterThan(100);
      assertThat(table.filter("length(excerpt) > 200 OR file NOT LIKE '%/in/%'").count()).isZero();
      tables.put(output, manifests(directory.resolve(output)));
    }
    assertThat(tables.get("a")).isEqualTo(tables.get("b"));
  }

  private static List<String> manifests(Path output) throws IOException {
    List<String> contents = new ArrayList<>();
    for (String name :
        List.of(
            "train/manifest.json",
            "held-out/manifest.json",
            "tables/rejected/step=read/part-00000.parquet",
            "tables/prep_report/part-00000.parquet")) {
      contents.add(Files.readString(output.resolve(name), StandardCharsets.ISO_8859_1));
    }
    return contents;
  }
}
