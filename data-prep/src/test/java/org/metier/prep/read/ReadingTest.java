package org.metier.prep.read;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.prep.PrepareConfig;
import org.metier.prep.PrepareFixture;
import org.metier.prep.document.Document;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Split;
import org.metier.prep.document.SplitShares;
import org.metier.prep.filter.LengthFilter;

class ReadingTest {
  private static final Configuration HADOOP = new Configuration();

  @TempDir Path directory;

  private Path write(String name, byte[] bytes) throws IOException {
    return Files.write(directory.resolve(name), bytes);
  }

  private static List<String> lines(Path file, long sliceBytes) throws IOException {
    List<String> lines = new ArrayList<>();
    PrepareConfig config = new PrepareFixture(Path.of("out"), file).config();
    for (FileSlice slice : InputFiles.list(config, HADOOP).slices(sliceBytes)) {
      try (LineReader reader = new LineReader(slice, new ReadingFixture().config(), HADOOP)) {
        LineReader.Outcome outcome = reader.next();
        while (outcome != LineReader.Outcome.END) {
          String line =
              new String(
                  reader.buffer(), reader.lineStart(), reader.lineLength(), StandardCharsets.UTF_8);
          lines.add(
              reader.lineOffset() + ":" + (outcome == LineReader.Outcome.LINE ? line : outcome));
          outcome = reader.next();
        }
      }
    }
    return lines;
  }

  @Test
  void slicesTogetherGiveEveryLineOnce() throws IOException {
    Random random = new Random(1);
    for (int trial = 0; trial < 60; trial++) {
      StringBuilder text = new StringBuilder();
      List<String> expected = new ArrayList<>();
      for (int i = random.nextInt(8); i >= 0; i--) {
        String line = "x".repeat(random.nextInt(5) == 0 ? 0 : random.nextInt(30)) + i;
        expected.add(text.length() + ":" + line);
        text.append(line).append(i == 0 && random.nextBoolean() ? "" : "\n");
      }
      Path file = write("lines.jsonl", text.toString().getBytes(StandardCharsets.UTF_8));
      for (long sliceBytes : new long[] {1, 2, 3, 7, 10, 64, 10_000}) {
        assertThat(lines(file, sliceBytes)).as("%s", text).isEqualTo(expected);
      }
    }
  }

  @Test
  void linesLongerThanTheBufferAndTheLimit() throws IOException {
    String big = "b".repeat(600_000);
    String huge = "h".repeat(3_000_000);
    Path file = write("big.jsonl", (big + "\n" + huge + "\nend\n").getBytes());
    for (long sliceBytes : new long[] {1 << 30, 700_000}) {
      assertThat(lines(file, sliceBytes))
          .containsExactly("0:" + big, "600001:TOO_LONG", "3600002:end");
    }
  }

  @Test
  void whatIsNoTextIsCountedAndNothingCrashes() throws IOException {
    Random random = new Random(2);
    String good = "{\"text\":\"some words to keep\",\"domain\":\"law\"}\n";
    for (int trial = 0; trial < 2000; trial++) {
      byte[] bytes = good.repeat(3).getBytes(StandardCharsets.UTF_8);
      for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      Path file = write("fuzzed.jsonl", bytes);
      ReadCounts counts = counts(file, new ArrayList<>());
      long rejected = counts.rejected().values().stream().mapToLong(Long::longValue).sum();
      assertThat(counts.documents() + rejected).isEqualTo(counts.records());
      assertThat(counts.records()).isBetween(1L, 6L);
    }
  }

  @Test
  void byteOrderMarkNestedFieldsAndEscapesAreRead() throws IOException {
    List<Document> documents = new ArrayList<>();
    String json =
        "\uFEFF{\"meta\":{\"text\":\"inner\",\"domain\":[1,{}]},\"domain\":\"l\\u00e4w\","
            + "\"text\":\"caf\\u00e9 \\ud83d\\ude00\\u0000\"}\r\n";
    counts(write("odd.jsonl", json.getBytes(StandardCharsets.UTF_8)), documents);
    assertThat(documents).hasSize(1);
    assertThat(documents.get(0).domain()).isEqualTo("läw");
    assertThat(new String(documents.get(0).utf8(), StandardCharsets.UTF_8))
        .isEqualTo("café 😀\u0000");
  }

  private static ReadCounts counts(Path file, List<Document> documents) {
    PrepareConfig config =
        new PrepareFixture(Path.of("out"), file).minCharacters(2).maxRejectedShare(0).config();
    FileSlice slice = InputFiles.list(config, HADOOP).slices(1 << 20).get(0);
    try (DocumentReader reader = new DocumentSource(config, HADOOP).read(slice)) {
      reader.forEachRemaining(
          outcome -> {
            if (outcome instanceof Document document) {
              documents.add(document);
            }
          });
      return reader.counts();
    }
  }

  @Test
  void lengthIsCountedInCharacters() {
    LengthFilter filter = new LengthFilter(3);
    assertThat(filter.reject("abc")).isEmpty();
    assertThat(filter.reject("😀😀")).contains(RejectReason.TOO_SHORT);
    assertThat(filter.reject("😀😀😀")).isEmpty();
    assertThat(filter.reject(" \u2003\n")).contains(RejectReason.EMPTY_TEXT);
  }

  @Test
  void theSplitFollowsTheTextAndTheSeedAndKeepsItsShare() {
    SplitShares shares = new SplitShares(0, 0.1);
    SplitShares three = new SplitShares(0.2, 0.1);
    int heldOut = 0;
    int validation = 0;
    int moved = 0;
    for (int i = 0; i < 20_000; i++) {
      Split split = shares.of(document("text " + i, "a", 1));
      assertThat(shares.of(document("text " + i, "b", 1))).isEqualTo(split);
      Split ofThree = three.of(document("text " + i, "a", 1));
      assertThat(ofThree == Split.HELD_OUT).isEqualTo(split == Split.HELD_OUT);
      validation += ofThree == Split.VALIDATION ? 1 : 0;
      heldOut += split == Split.HELD_OUT ? 1 : 0;
      moved += shares.of(document("text " + i, "a", 2)) == split ? 0 : 1;
    }
    // Binomial: 2000, 3600 and 4000 expected, five standard deviations are 212, 272 and 283.
    assertThat(validation).isBetween(3717, 4283);
    assertThat(heldOut).isBetween(1788, 2212);
    assertThat(moved).isBetween(3328, 3872);
  }

  private static Document document(String text, String domain, long seed) {
    return Document.of(text, domain, seed, 0, 0);
  }
}
