package org.metier.prep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.prep.clean.CleaningConfig;
import org.metier.prep.clean.CleaningConfig.DomainSteps;
import org.metier.prep.clean.CleaningConfig.Step;
import org.metier.prep.clean.CleaningFixture;
import org.metier.prep.dedup.DeduplicationConfig.Keep;
import org.metier.prep.dedup.DeduplicationConfig.Method;
import org.metier.prep.dedup.DeduplicationConfig.Within;
import org.metier.prep.dedup.DeduplicationFixture;
import org.metier.prep.document.Split;
import org.metier.prep.filter.LanguageConfig;

/** Cleaning, deduplication and decontamination on the way from text to shards. */
class SelectStageTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int ORIGINALS = 200;
  private static final double HELD_OUT = 0.2;

  @TempDir Path directory;
  private Path input;
  private final Random random = new Random(31);
  private final List<String> originals = new ArrayList<>();

  /**
   * 200 texts of 80 words in two domains; 20 once more but for case and line ends, 20 once more
   * with two other words, 20 texts that cite thirteen words of another, and 10 that cleaning drops.
   */
  @BeforeEach
  void corpus() throws IOException {
    input = Files.createDirectories(directory.resolve("in"));
    StringBuilder law = new StringBuilder();
    StringBuilder music = new StringBuilder();
    for (int i = 0; i < ORIGINALS; i++) {
      originals.add(text(80));
      add(i % 2 == 0 ? law : music, i % 2 == 0 ? "law" : "music", originals.get(i));
    }
    for (int i = 0; i < 20; i++) {
      String copy = originals.get(i);
      add(music, "music", copy.toUpperCase().replace(" ", " \r\n"));
      String[] words = originals.get(20 + i).split(" ");
      words[10] = word();
      words[70] = word();
      add(law, "law", String.join(" ", words));
      String cited = String.join(" ", List.of(originals.get(40 + i).split(" ")).subList(30, 43));
      add(law, "law", text(40) + " " + cited + " " + text(27));
      if (i < 10) {
        add(music, "music", "{ not a sentence }");
      }
    }
    Files.writeString(input.resolve("law.jsonl"), law);
    Files.writeString(input.resolve("music.jsonl"), music);
  }

  private static void add(StringBuilder file, String domain, String text) throws IOException {
    file.append(JSON.writeValueAsString(Map.of("text", text, "domain", domain))).append('\n');
  }

  private String text(int words) {
    StringBuilder text = new StringBuilder(word());
    for (int i = 1; i < words; i++) {
      text.append(' ').append(word());
    }
    return text.toString();
  }

  private String word() {
    StringBuilder word = new StringBuilder();
    for (int c = 0; c < 6; c++) {
      word.append((char) ('a' + random.nextInt(26)));
    }
    return word.toString();
  }

  private PrepareConfig config(String output, Keep keep) {
    CleaningConfig cleaning =
        CleaningFixture.config(
            List.of(Step.UNICODE, Step.WHITESPACE),
            List.of(new DomainSteps("music", List.of(Step.UNICODE, Step.WHITESPACE))),
            new LanguageConfig(List.of(), 0));
    return new PrepareFixture(directory.resolve(output), input)
        .heldOutShare(HELD_OUT)
        .sequencesPerShard(500)
        .minCharacters(30)
        .cleaning(cleaning)
        .deduplication(DeduplicationFixture.of(Method.NEAR, keep, Within.CORPUS, 13))
        .config();
  }

  private static PrepareReport run(PrepareConfig config, int partitions) {
    return new Preparation(LocalSpark.session(), config, Progress.silent(), partitions).run();
  }

  @Test
  void whatGoesIsCountedAndNoPartitioningChangesAByte() throws IOException {
    PrepareReport report = run(config("one", Keep.LONGEST), 1);
    run(config("seven", Keep.LONGEST), 7);
    assertThat(files("one")).isEqualTo(files("seven"));

    assertThat(report.recordsRead()).isEqualTo(270);
    assertThat(report.rejected().get("too-short")).isEqualTo(10);
    assertThat(report.rejected().get("exact-duplicate")).isEqualTo(20);
    assertThat(report.rejected().get("near-duplicate")).isEqualTo(20);
    long contaminated = report.rejected().get("contaminated");
    // Of the 20 pairs with 13 words in common, those that the split parts: 2 * 0.2 * 0.8 of them.
    assertThat(contaminated).isBetween(2L, 12L);
    assertThat(report.documents()).isEqualTo(270 - 50 - contaminated);

    List<Row> duplicates = table("one", "duplicates");
    assertThat(duplicates).hasSize(80);
    assertThat(duplicates.stream().filter(row -> row.<String>getAs("reason").isEmpty()))
        .hasSize(40);
    assertThat(duplicates.stream().map(row -> row.<String>getAs("cluster")).distinct()).hasSize(40);
    assertThat(table("one", "rejected").stream().map(row -> row.<String>getAs("step")))
        .containsOnly("clean", "deduplicate", "decontaminate")
        .hasSize((int) (50 + contaminated));
  }

  @Test
  void duplicatesThatStayAreOnOneSideOfTheSplit() throws IOException {
    PrepareReport report = run(config("all", Keep.ALL), 3);
    assertThat(report.rejected()).doesNotContainKeys("exact-duplicate", "near-duplicate");
    assertThat(table("all", "duplicates")).hasSize(80);
    // Had a near-duplicate of a held-out text been left in training, it would share 13 words with
    // it
    // and be contaminated: only citations are.
    assertThat(report.rejected().get("contaminated")).isBetween(2L, 12L);
    assertThat(report.domains().stream().map(PrepareReport.DomainCounts::split))
        .contains(Split.TRAIN.directory(), Split.HELD_OUT.directory());
  }

  @Test
  void aDomainThatIsCleanedAndNotThereIsNamed() {
    CleaningConfig misspelt =
        CleaningFixture.config(
            List.of(),
            List.of(new DomainSteps("musik", List.of())),
            new LanguageConfig(List.of(), 0));
    PrepareConfig config =
        new PrepareFixture(directory.resolve("out"), input).cleaning(misspelt).config();
    assertThatThrownBy(() -> run(config, 2))
        .isInstanceOf(BadDataException.class)
        .hasMessage(
            "prepare.cleaning.domains names musik, which no record has; there are law, music");
  }

  private List<Row> table(String output, String name) {
    return LocalSpark.session()
        .read()
        .parquet(directory.resolve(output).resolve("tables").resolve(name).toString())
        .collectAsList();
  }

  /** Content by name; the report, which holds times, is left out. */
  private Map<String, String> files(String output) throws IOException {
    Path root = directory.resolve(output);
    Map<String, String> contents = new TreeMap<>();
    try (var all = Files.walk(root)) {
      for (Path file : all.filter(Files::isRegularFile).toList()) {
        String name = root.relativize(file).toString().replace('\\', '/');
        if (!name.equals("report.json") && !name.endsWith(".crc")) {
          contents.put(name, new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1));
        }
      }
    }
    return contents;
  }
}
