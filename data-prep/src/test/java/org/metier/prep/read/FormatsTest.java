package org.metier.prep.read;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.ZstdOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.io.api.Binary;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.metier.prep.PrepareConfig;
import org.metier.prep.PrepareFixture;
import org.metier.prep.document.Document;
import org.metier.prep.document.Outcome;
import org.metier.prep.document.Rejected;

class FormatsTest {
  private static final Configuration HADOOP = new Configuration();

  @TempDir Path directory;

  private Path write(String name, byte[] bytes) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, bytes);
  }

  private Path write(String name, String text) throws IOException {
    return write(name, text.getBytes(StandardCharsets.UTF_8));
  }

  private static PrepareConfig config(Path input, ReadingFixture reading) {
    return new PrepareFixture(Path.of("out"), input).reading(reading.config()).config();
  }

  /** "domain: text" of documents, "reason @offset: excerpt" of rejections, slice by slice. */
  private static List<String> read(PrepareConfig config, long sliceBytes) {
    DocumentSource source = new DocumentSource(config, HADOOP);
    List<String> found = new ArrayList<>();
    for (FileSlice slice : InputFiles.list(config, HADOOP).slices(sliceBytes)) {
      DocumentReader reader = source.read(slice);
      long records = 0;
      while (reader.hasNext()) {
        found.add(describe(reader.next()));
        records++;
      }
      assertThat(reader.counts().records()).isEqualTo(records);
    }
    return found;
  }

  private static List<String> read(Path input, ReadingFixture reading) {
    return read(config(input, reading), 1 << 30);
  }

  private static List<String> read(Path input) {
    return read(input, new ReadingFixture());
  }

  private static String describe(Outcome outcome) {
    return outcome instanceof Document document
        ? document.domain() + ": " + document.text()
        : describe((Rejected) outcome);
  }

  private static String describe(Rejected rejected) {
    return rejected.reason().label()
        + " @"
        + rejected.offset()
        + (rejected.domain().isEmpty() ? "" : " " + rejected.domain())
        + ": "
        + rejected.excerpt();
  }

  private static String line(int i) {
    return "{\"text\":\"words " + i + "\",\"domain\":\"law\"}";
  }

  private static List<String> documents(int count) {
    List<String> documents = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      documents.add("law: words " + i);
    }
    return documents;
  }

  static byte[] compress(String ending, byte[] bytes) throws IOException {
    ByteArrayOutputStream raw = new ByteArrayOutputStream();
    try (OutputStream out =
        switch (ending) {
          case ".gz" -> new GZIPOutputStream(raw);
          case ".zst" -> new ZstdOutputStream(raw);
          default -> new BZip2CompressorOutputStream(raw, 1); // blocks of 100 kB
        }) {
      out.write(bytes);
    }
    return raw.toByteArray();
  }

  private static byte[] join(byte[] a, byte[] b) {
    byte[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  @ParameterizedTest
  @ValueSource(strings = {".gz", ".zst", ".bz2"})
  void everyMemberOfACompressedFileIsRead(String ending) throws IOException {
    byte[] first = compress(ending, (line(0) + "\n" + line(1) + "\n").getBytes());
    byte[] second = compress(ending, line(2).getBytes());
    Path file = write("a.jsonl" + ending, join(first, second));
    assertThat(read(file)).isEqualTo(documents(3));
  }

  @ParameterizedTest
  @ValueSource(strings = {".gz", ".zst", ".bz2"})
  void whatComesBeforeDamageIsKeptAndDamageIsCounted(String ending) throws IOException {
    StringBuilder lines = new StringBuilder();
    Random random = new Random(3);
    for (int i = 0; i < 20_000; i++) {
      lines.append(line(random.nextInt())).append('\n');
    }
    byte[] whole = compress(ending, lines.toString().getBytes());
    List<String> all = read(write("whole.jsonl" + ending, whole));
    assertThat(all).hasSize(20_000);

    List<String> cut =
        read(write("cut.jsonl" + ending, Arrays.copyOf(whole, whole.length * 2 / 3)));
    assertThat(cut).hasSizeBetween(2, 19_999);
    assertThat(cut.get(cut.size() - 1)).startsWith("truncated-file @");
    assertThat(all).startsWith(cut.subList(0, cut.size() - 1).toArray(String[]::new));

    byte[] wrong = whole.clone();
    for (int i = whole.length / 2; i < whole.length / 2 + 64; i++) {
      wrong[i] ^= 0x55;
    }
    List<String> corrupt = read(write("wrong.jsonl" + ending, wrong));
    assertThat(corrupt.get(corrupt.size() - 1)).matches("(?s)(corrupt|truncated)-file @.*");
    assertThat(read(write("no.jsonl" + ending, "not compressed at all")))
        .singleElement()
        .asString()
        .isEqualTo("corrupt-file @0: ");
  }

  @Test
  void bombsAndWindowsAreNamed() throws IOException {
    ByteArrayOutputStream raw = new ByteArrayOutputStream();
    try (OutputStream out = new ZstdOutputStream(raw)) {
      out.write((line(0) + "\n").getBytes());
      byte[] blanks = new byte[1 << 20];
      Arrays.fill(blanks, (byte) ' ');
      for (int megabyte = 0; megabyte < 300; megabyte++) {
        out.write(blanks);
      }
    }
    assertThat(raw.size()).isLessThan(100_000);
    List<String> bomb = read(write("bomb.jsonl.zst", raw.toByteArray()));
    // The line of 300 MB is too long before it is a bomb, and is one record.
    assertThat(bomb).hasSize(3);
    assertThat(bomb.get(0)).isEqualTo("law: words 0");
    assertThat(bomb.get(1)).startsWith("record-too-long @34:  ");
    assertThat(bomb.get(2)).startsWith("decompression-bomb @").endsWith(": ");

    // A frame header that asks for a window of 2^28 bytes (RFC 8878, 3.1.1.1.2), then one raw
    // block.
    int[] frame = {0x28, 0xB5, 0x2F, 0xFD, 0, 18 << 3, (1 << 3) | 1, 0, 0, '{'};
    byte[] bytes = new byte[frame.length];
    for (int i = 0; i < frame.length; i++) {
      bytes[i] = (byte) frame[i];
    }
    assertThat(read(write("window.jsonl.zst", bytes)))
        .containsExactly("zstd-window-too-large @0: ");
  }

  @Test
  void aLineOf200MegabytesCostsItself() throws IOException {
    Path file = directory.resolve("long.jsonl");
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write((line(0) + "\n{\"text\":\"").getBytes());
      byte[] words = "abc ".repeat(1 << 18).getBytes();
      for (int megabyte = 0; megabyte < 200; megabyte++) {
        out.write(words);
      }
      out.write(("\",\"domain\":\"law\"}\n" + line(1) + "\n").getBytes());
    }
    String tooLong = "record-too-long @34: {\"text\":\"" + "abc ".repeat(100).substring(0, 191);
    for (long sliceBytes : new long[] {1 << 30, 50 << 20}) {
      assertThat(read(config(file, new ReadingFixture()), sliceBytes))
          .containsExactly("law: words 0", tooLong, "law: words 1");
    }
  }

  @Test
  void elementsOfAnArrayAreRecords() throws IOException {
    String array =
        "\uFEFF\n [\n  "
            + line(0)
            + ",\n  {\"text\": \"a \\\"}] b\",\n \"n\": [1, {\"x\": [2]}],\n"
            + "\"domain\": \"law\"} , 17, \"so, what\", {\"text\" \"no colon\"}, [3, 4] ,\n"
            + line(2)
            + "]\n";
    Path file = write("array.json", array);
    String[] expected = {
      "law: words 0",
      "law: a \"}] b",
      "malformed-json @" + offset(array, "17") + ": 17",
      "malformed-json @" + offset(array, "\"so,") + ": \"so, what\"",
      "malformed-json @" + offset(array, "{\"text\" \"no") + ": {\"text\" \"no colon\"}",
      "malformed-json @" + offset(array, "[3") + ": [3, 4]",
      "law: words 2"
    };
    for (long sliceBytes : new long[] {1 << 30, 40, 7}) {
      assertThat(read(config(file, new ReadingFixture()), sliceBytes)).containsExactly(expected);
    }
    assertThat(
            read(write("array.json.gz", compress(".gz", array.getBytes(StandardCharsets.UTF_8)))))
        .containsExactly(expected);
    String cut = array.substring(0, array.length() - 10);
    assertThat(read(write("cut.json", cut)).get(6)).startsWith("truncated-file @");
    assertThat(read(write("behind.json", "[" + line(0) + "] {\"x\":1}")))
        .containsExactly("law: words 0", "malformed-json @36: {\"x\":1}");
    assertThat(read(write("empty.json", " [ ] "))).isEmpty();
    assertThat(read(write("lines.json", line(0) + "\n" + line(1)))).isEqualTo(documents(2));
  }

  private static int offset(String text, String part) {
    return text.substring(0, text.indexOf(part)).getBytes(StandardCharsets.UTF_8).length;
  }

  @Test
  void anArrayOfManyBuffersWithAnElementThatIsTooLong() throws IOException {
    StringBuilder array = new StringBuilder("[");
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 30_000; i++) {
      array.append(i == 0 ? "" : ",\n").append(line(i));
      expected.add("law: words " + i);
      if (i == 15_000) {
        String big = "{\"text\":\"" + "z".repeat(3 << 20) + "\"}";
        array.append(',').append(big);
        expected.add(
            "record-too-long @" + (array.length() - big.length()) + ": " + big.substring(0, 200));
      }
    }
    assertThat(read(write("long.json", array.append("]").toString()))).isEqualTo(expected);
  }

  @Test
  void bytesThatAreNoUtf8AreRejected() throws IOException {
    List<byte[]> wrong =
        List.of(
            new byte[] {(byte) 0xC0, (byte) 0x80}, // overlong
            new byte[] {(byte) 0xED, (byte) 0xA0, (byte) 0x80}, // a surrogate
            new byte[] {(byte) 0xF4, (byte) 0x90, (byte) 0x80, (byte) 0x80}, // beyond the last
            new byte[] {(byte) 0xE4, (byte) 0xBD}, // cut
            new byte[] {(byte) 0x80});
    for (byte[] sign : wrong) {
      byte[] start = "{\"text\":\"words ".getBytes();
      byte[] end = "\",\"domain\":\"law\"}".getBytes();
      assertThat(read(write("wrong.jsonl", join(join(start, sign), end))))
          .singleElement()
          .asString()
          .startsWith("invalid-utf-8 @0: {\"text\":\"words ");
      assertThat(Utf8.isValid(sign, 0, sign.length)).isFalse();
    }
    Random random = new Random(4);
    for (int trial = 0; trial < 20_000; trial++) {
      byte[] bytes = new byte[1 + random.nextInt(12)];
      random.nextBytes(bytes);
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] =
            random.nextBoolean()
                ? bytes[i]
                : (byte) "aéß漢😀".getBytes(StandardCharsets.UTF_8)[random.nextInt(12)];
      }
      boolean valid =
          Arrays.equals(
                  new String(bytes, StandardCharsets.UTF_8).getBytes(StandardCharsets.UTF_8), bytes)
              && !new String(bytes, StandardCharsets.UTF_8).contains("\uFFFD");
      assertThat(Utf8.isValid(bytes, 0, bytes.length)).as(Arrays.toString(bytes)).isEqualTo(valid);
    }
  }

  @Test
  void layoutsOfKnownDataSets() throws IOException {
    String[][] cases = {
      {"PILE", "{\"text\":\"t\",\"meta\":{\"pile_set_name\":\"ArXiv\"}}", "ArXiv"},
      {
        "SLIMPAJAMA",
        "{\"text\":\"t\",\"meta\":{\"redpajama_set_name\":\"RedPajamaC4\"}}",
        "RedPajamaC4"
      },
      {
        "REDPAJAMA",
        "{\"meta\":\"{\\\"source\\\":\\\"x\\\"}\",\"text\":\"t\",\"red_pajama_subset\":\"c4\"}",
        "c4"
      },
      {
        "REDPAJAMA",
        "{\"text\":\"t\",\"meta\":\"{\\\"url\\\":\\\"u\\\",\\\"source\\\":\\\"github\\\"}\"}",
        "github"
      },
      {"REDPAJAMA", "{\"text\":\"t\",\"meta\":{\"source\":\"arxiv\"}}", "arxiv"},
      {
        "DOLMA",
        "{\"id\":\"1\",\"text\":\"t\",\"source\":\"pes2o\",\"metadata\":{\"source\":\"no\"}}",
        "pes2o"
      },
      {"DATATROVE", "{\"text\":\"t\",\"id\":\"1\",\"metadata\":{\"dataset\":\"wiki\"}}", "wiki"},
      {
        "FINEWEB",
        "{\"text\":\"t\",\"url\":\"https://me@www.Example.ORG:8080/a?b@c:1\",\"dump\":\"d\"}",
        "example.org"
      },
      {"FIELDS", "{\"text\":\"t\",\"domain\":\"old\",\"domain\":\"law\"}", "law"},
    };
    for (String[] c : cases) {
      Path file = write("in.jsonl", c[1]);
      assertThat(read(file, new ReadingFixture().layout(Layout.valueOf(c[0]))))
          .containsExactly(c[2] + ": t");
    }
    Path file = write("in.jsonl", "{\"body\":{\"main\":\"t\"},\"meta.source\":\"flat\"}");
    PrepareConfig paths =
        new PrepareFixture(Path.of("out"), file)
            .textField("text | body.main")
            .domainField("meta.source")
            .config();
    assertThat(read(paths, 1 << 20)).containsExactly("flat: t");
  }

  @Test
  void tagsBecomeDomains() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (String tag :
        List.of(
            "Github",
            "StackExchange",
            "en.wikipedia.org",
            "wikipedia.org",
            "spam",
            "Junk",
            "new")) {
      lines.append("{\"text\":\"t\",\"domain\":\"" + tag + "\"}\n");
    }
    Path file = write("in.jsonl", lines.toString());
    ReadingFixture reading =
        new ReadingFixture()
            .domains(
                java.util.Map.of(
                    "Github",
                    "code",
                    "StackExchange",
                    "code",
                    "*.wikipedia.org",
                    "wiki",
                    "Junk",
                    "waste"))
            .dropDomains("spam", "waste");
    assertThat(read(file, reading.unknownDomains(UnknownDomains.REST)))
        .containsExactly(
            "code: t",
            "code: t",
            "wiki: t",
            "wiki: t",
            "dropped-domain @" + lines.indexOf("{\"text\":\"t\",\"domain\":\"spam") + " spam: t",
            "dropped-domain @" + lines.indexOf("{\"text\":\"t\",\"domain\":\"Junk") + " waste: t",
            "rest: t");
    assertThat(read(file, reading.unknownDomains(UnknownDomains.KEEP)).get(6)).isEqualTo("new: t");
    assertThat(read(file, reading.unknownDomains(UnknownDomains.STOP)).get(6))
        .startsWith("unknown-domain @")
        .endsWith(" new: t");
  }

  @Test
  void treesOfTextHaveTheDomainOfTheirPath() throws IOException {
    write("in/law/2024/a.txt", "First\nsecond.");
    write("in/law/b.txt.gz", compress(".gz", "Compressed.".getBytes()));
    write("in/notes.v2.txt", "A note.");
    write("in/law/c.txt", new byte[] {'a', (byte) 0xFF});
    write("in/law/empty.txt", "");
    write("in/law/x.jsonl", "{\"text\":\"t\"}");
    write("in/ignored.csv", "1,2");
    ReadingFixture reading = new ReadingFixture().textFiles(".txt").domainFrom(DomainFrom.PATH);
    assertThat(read(directory.resolve("in"), reading))
        .containsExactly(
            "law: First\nsecond.",
            "law: Compressed.",
            "invalid-utf-8 @0: a\uFFFD",
            "law: t",
            "notes: A note.");
    reading.pathPattern("law/([0-9]+)/.*");
    assertThat(read(directory.resolve("in"), reading).subList(0, 2))
        .containsExactly("2024: First\nsecond.", "missing-domain @0: Compressed.");
  }

  @Test
  void parquetOfDifferingSchemas() throws IOException {
    ParquetFixture.write(
        directory.resolve("in/a.parquet"),
        "message m { optional int64 n; required group meta { optional binary pile_set_name (STRING); }"
            + " optional binary text (STRING); }",
        3,
        1 << 20,
        (row, i) -> {
          row.addGroup("meta").append("pile_set_name", "set" + i);
          if (i != 1) {
            row.append("text", "nested " + i);
          }
        });
    ParquetFixture.write(
        directory.resolve("in/b.parquet"),
        "message m { required binary text; required binary meta (STRING); }",
        3,
        1 << 20,
        (row, i) ->
            row.append(
                    "text",
                    i == 2
                        ? Binary.fromConstantByteArray(new byte[] {'a', (byte) 0xFE})
                        : Binary.fromString("json " + i))
                .append("meta", i == 1 ? "no json" : "{\"pile_set_name\":\"set" + i + "\"}"));
    ParquetFixture.write(
        directory.resolve("in/c.parquet"),
        "message m { required int32 text; repeated binary meta; }",
        2,
        1 << 20,
        (row, i) -> row.append("text", i));
    write("in/d.jsonl", "{\"text\":\"line\",\"meta\":{\"pile_set_name\":\"set9\"}}");
    assertThat(read(directory.resolve("in"), new ReadingFixture().layout(Layout.PILE)))
        .containsExactly(
            "set0: nested 0",
            "missing-text @1: ",
            "set2: nested 2",
            "set0: json 0",
            "missing-domain @1: json 1",
            "invalid-utf-8 @2: a\uFFFD",
            "missing-text @0: ",
            "missing-text @1: ",
            "set9: line");
  }

  @Test
  void rowGroupsAreSharedOutAndDamageCostsTheRest() throws IOException {
    List<String> texts = new ArrayList<>();
    List<String> expected = new ArrayList<>();
    Random random = new Random(6);
    for (int i = 0; i < 3000; i++) {
      texts.add(i + " " + Long.toHexString(random.nextLong()).repeat(4));
      expected.add("law: " + texts.get(i));
    }
    Path file = ParquetFixture.write(directory.resolve("rows.parquet"), texts, 20_000);
    for (long sliceBytes : new long[] {1 << 30, 9_000, 2_000}) {
      assertThat(read(config(file, new ReadingFixture()), sliceBytes)).isEqualTo(expected);
    }
    byte[] bytes = Files.readAllBytes(file);
    for (int i = bytes.length / 2; i < bytes.length / 2 + 50; i++) {
      bytes[i] ^= 0x3C;
    }
    List<String> damaged = read(write("damaged.parquet", bytes));
    assertThat(damaged).hasSize(3000);
    long lost = damaged.stream().filter(row -> row.startsWith("corrupt-file @")).count();
    assertThat(lost).isBetween(1L, 2000L);
    for (int i = 0; i < 3000; i++) {
      assertThat(damaged.get(i)).isIn(expected.get(i), "corrupt-file @" + i + ": ");
    }
    for (long sliceBytes : new long[] {1 << 30, 2_000}) {
      Path noFooter = write("cut.parquet", Arrays.copyOf(bytes, bytes.length - 20));
      assertThat(read(config(noFooter, new ReadingFixture()), sliceBytes))
          .containsExactly("corrupt-file @0: ");
    }
  }

  @Test
  void placesAreNamedAsAReaderOfTheFileWouldCountThem() throws IOException {
    Path lines =
        write("l.jsonl.gz", compress(".gz", (line(0) + "\n\n" + line(1) + "\n").getBytes()));
    assertThat(place(lines, 35)).isEqualTo(lines + " line 3");
    Path array = write("a.json", "[" + line(0) + "]");
    assertThat(place(array, 1)).isEqualTo(array + " byte 2");
    Path rows = ParquetFixture.write(directory.resolve("r.parquet"), List.of("a", "b"), 1000);
    assertThat(place(rows, 1)).isEqualTo(rows + " row 2");
  }

  private static String place(Path file, long offset) {
    return InputFiles.list(config(file, new ReadingFixture()), HADOOP).place(0, offset, HADOOP);
  }
}
