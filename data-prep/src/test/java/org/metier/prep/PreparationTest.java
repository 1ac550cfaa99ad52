package org.metier.prep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.zip.GZIPOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.prep.document.DocumentCounts;
import org.metier.prep.document.Split;
import org.metier.prep.pack.Bucket;
import org.metier.prep.pack.Buckets;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardReader;
import org.metier.prep.shard.TokenSequence;
import org.metier.prep.tokenize.Tokenizer;

class PreparationTest {
  private static final Configuration HADOOP = new Configuration();
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int LENGTH = 32;

  @TempDir Path directory;
  private Path input;
  private final Map<String, Set<String>> textsOf = new HashMap<>();

  /**
   * Seven hundred and fifty documents in three domains; the same few texts again and again among
   * them.
   */
  @BeforeEach
  void corpus() throws IOException {
    input = Files.createDirectories(directory.resolve("in"));
    MadeUpText text = new MadeUpText(11);
    write("a/law.jsonl", "law", 400, text);
    write("music.jsonl.gz", "music", 150, text);
    write("chess.json", "chess", 200, text);
    Files.writeString(input.resolve("_hidden.jsonl"), "not read\n");
    Files.writeString(input.resolve("readme.txt"), "not read\n");
  }

  private void write(String name, String domain, int documents, MadeUpText text)
      throws IOException {
    Path file = input.resolve(name);
    Files.createDirectories(file.getParent());
    OutputStream raw = Files.newOutputStream(file);
    try (OutputStream out = name.endsWith(".gz") ? new GZIPOutputStream(raw) : raw) {
      for (int i = 0; i < documents; i++) {
        String content = i % 50 == 0 ? "The same words in all domains." : text.prose(250);
        textsOf.computeIfAbsent(domain, d -> new HashSet<>()).add(content);
        out.write(line(content, domain).getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  private static String line(String text, String domain) throws IOException {
    return JSON.writeValueAsString(new TreeMap<>(Map.of("text", text, "domain", domain, "n", 1)))
        + "\n";
  }

  private PrepareConfig config(String output) {
    return fixture(output).config();
  }

  private PrepareFixture fixture(String output) {
    return new PrepareFixture(directory.resolve(output), input)
        .minCharacters(5)
        .vocabSize(400)
        .sequenceLength(LENGTH)
        .sequencesPerShard(1000);
  }

  private static PrepareReport run(PrepareConfig config, int partitions) {
    return new Preparation(LocalSpark.session(), config, Progress.silent(), partitions).run();
  }

  private static PrepareReport run(PrepareConfig config) {
    return new Preparation(LocalSpark.session(), config, Progress.silent()).run();
  }

  @Test
  void neitherPartitionsNorARerunChangeAByte() throws IOException {
    run(config("one"), 1);
    run(config("seven"), 7);
    Map<String, String> one = PreparedFiles.contents(directory.resolve("one"));
    assertThat(one).isEqualTo(PreparedFiles.contents(directory.resolve("seven")));
    assertThat(one.keySet())
        .contains("tokenizer.json", "train/manifest.json", "held-out/shard-00000.parquet")
        .filteredOn(name -> name.startsWith("train/shard"))
        .hasSizeGreaterThan(5);
  }

  @Test
  void everyDocumentIsOnOneSideInItsDomainAndNothingIsLost() {
    PrepareReport report = run(config("out"));
    Path output = directory.resolve("out");
    Tokenizer tokenizer = Tokenizer.load(hadoop(output.resolve("tokenizer.json")), HADOOP);
    assertThat(report.recordsRead()).isEqualTo(750);
    assertThat(report.documents()).isEqualTo(750);
    assertThat(report.rejected()).isEmpty();
    assertThat(report.tokenizer().vocabSize()).isEqualTo(400);

    Map<String, List<String>> train = documents(output, Split.TRAIN, tokenizer);
    Map<String, List<String>> heldOut = documents(output, Split.HELD_OUT, tokenizer);
    Set<String> trainTexts = new HashSet<>();
    train.values().forEach(trainTexts::addAll);
    for (String domain : textsOf.keySet()) {
      assertThat(heldOut.get(domain)).isNotEmpty().noneMatch(trainTexts::contains);
      Set<String> found = new HashSet<>(train.get(domain));
      found.addAll(heldOut.get(domain));
      assertThat(textsOf.get(domain)).containsAll(found);
      // Of each split the last document, or what the last row leaves of it, is cut off.
      assertThat(found).hasSizeGreaterThanOrEqualTo(textsOf.get(domain).size() - 2);
    }
  }

  /**
   * The documents of each domain, put together again from the shuffled rows: the order of the
   * shuffle is a function of seed, domain and row alone.
   */
  private static Map<String, List<String>> documents(
      Path output, Split split, Tokenizer tokenizer) {
    org.apache.hadoop.fs.Path path = hadoop(output.resolve(split.directory()));
    ShardManifest manifest = ShardManifest.read(path, HADOOP);
    manifest.verify(path, HADOOP);
    manifest.requireTokenizer(tokenizer, path);
    List<PackedRow> rows = rowsInOrder(manifest, split);
    Map<String, int[]> streams = new HashMap<>();
    for (String domain : manifest.domains()) {
      long tokens = manifest.tokensByDomain().get(domain);
      long kept = tokens - manifest.droppedTokensByDomain().get(domain);
      assertThat(kept).isEqualTo(manifest.sequencesByDomain().get(domain) * LENGTH + 1);
      streams.put(domain, new int[(int) kept]);
    }
    try (ShardReader reader = new ShardReader(path, manifest, HADOOP)) {
      assertThat(reader.size()).isEqualTo(rows.size());
      for (int position = 0; position < rows.size(); position++) {
        TokenSequence sequence = reader.get(position);
        PackedRow row = rows.get(position);
        requireColumns(sequence, row.domain, tokenizer.separator());
        int[] stream = streams.get(manifest.domains().get(row.domain));
        System.arraycopy(sequence.tokens(), 0, stream, row.index * LENGTH, LENGTH + 1);
      }
    }
    Map<String, List<String>> documents = new HashMap<>();
    streams.forEach((domain, stream) -> documents.put(domain, texts(stream, tokenizer)));
    return documents;
  }

  private record PackedRow(long order, int domain, int index) {}

  private static List<PackedRow> rowsInOrder(ShardManifest manifest, Split split) {
    Buckets buckets =
        new Buckets(
            manifest.domains(), new DocumentCounts(), List.of(Split.values()), manifest.seed());
    List<PackedRow> rows = new ArrayList<>();
    for (int b = 0; b < buckets.size(); b++) {
      Bucket bucket = buckets.get(b);
      if (bucket.split() == split) {
        String domain = manifest.domains().get(bucket.domain());
        for (int index = 0; index < manifest.sequencesByDomain().get(domain); index++) {
          rows.add(new PackedRow(bucket.orderOf(index), bucket.domain(), index));
        }
      }
    }
    rows.sort((a, b) -> Long.compareUnsigned(a.order, b.order));
    return rows;
  }

  private static void requireColumns(TokenSequence sequence, int domain, int separator) {
    int[] start = new int[LENGTH];
    int[] domains = new int[LENGTH];
    for (int t = 0; t < LENGTH; t++) {
      boolean begins = sequence.tokens()[t] == separator;
      start[t] = begins ? t : t == 0 ? 0 : start[t - 1];
      domains[t] = domain;
    }
    assertThat(sequence.documentStart()).isEqualTo(start);
    assertThat(sequence.domains()).isEqualTo(domains);
    for (int t = 0; t < LENGTH; t++) {
      int before = t == 0 ? 0 : sequence.documents()[t - 1];
      boolean begins = t > 0 && sequence.tokens()[t] == separator;
      assertThat(sequence.documents()[t]).isEqualTo(begins ? before + 1 : before);
      assertThat(sequence.counts(t)).isTrue();
    }
    assertThat(sequence.documentIds()).hasSize(sequence.documents()[LENGTH - 1] + 1);
  }

  private static List<String> texts(int[] stream, Tokenizer tokenizer) {
    List<String> texts = new ArrayList<>();
    assertThat(stream[0]).isEqualTo(tokenizer.separator());
    int start = 1;
    for (int t = 1; t < stream.length; t++) {
      if (stream[t] == tokenizer.separator()) {
        texts.add(tokenizer.decode(Arrays.copyOfRange(stream, start, t)));
        start = t + 1;
      }
    }
    return texts;
  }

  private static org.apache.hadoop.fs.Path hadoop(Path path) {
    return new org.apache.hadoop.fs.Path(path.toString());
  }

  @Test
  void whatAKilledRunHasReadIsNotReadAgain() throws IOException {
    run(config("whole"), 3);
    assertThatThrownBy(
            () ->
                new Preparation(LocalSpark.session(), config("out"), Progress.silent(), 3)
                    .run(
                        () -> {
                          throw new IllegalStateException("killed");
                        }))
        .hasMessageContaining("killed");
    Path records = directory.resolve("out.partial/records");
    Path second = records.resolve("part-00001");
    Path third = records.resolve("part-00002");
    byte[] read = Files.readAllBytes(second);
    Files.delete(third);
    Files.writeString(records.resolve("_part-00002.7"), "half");
    Object key = Files.readAttributes(second, BasicFileAttributes.class).fileKey();
    List<Object> kept = new ArrayList<>();
    Progress progress =
        new Progress() {
          @Override
          public void stage(String name, long units, String unit) {}

          @Override
          public void advance(long done) {}

          @Override
          public void done(String summary) {
            try {
              if (Files.exists(second)) {
                kept.add(Files.readAttributes(second, BasicFileAttributes.class).fileKey());
                assertThat(Files.readAllBytes(second)).isEqualTo(read);
                assertThat(third).exists();
              }
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          }
        };
    new Preparation(LocalSpark.session(), config("out"), progress, 3).run();
    assertThat(kept).isNotEmpty().containsOnly(key);
    assertThat(directory.resolve("out/records")).doesNotExist();
    assertThat(PreparedFiles.contents(directory.resolve("out")))
        .isEqualTo(PreparedFiles.contents(directory.resolve("whole")));
  }

  @Test
  void aCompleteResultIsReused() throws IOException {
    PrepareReport first = run(config("out"));
    assertThat(first.reused()).isFalse();
    Map<String, String> before = PreparedFiles.contents(directory.resolve("out"));
    PrepareReport second = run(config("out"));
    assertThat(second).isEqualTo(first.asReused());
    assertThat(PreparedFiles.contents(directory.resolve("out"))).isEqualTo(before);
  }

  @Test
  void aResultOfOtherSettingsOrInputIsNeverOverwritten() throws IOException {
    run(config("out"));
    Map<String, String> before = PreparedFiles.contents(directory.resolve("out"));
    PrepareConfig c = config("out");
    PrepareConfig other = fixture("out").vocabSize(300).config();
    requireBad(other, "out holds another complete result (prepare.vocabSize was 400, is 300)");
    Files.writeString(input.resolve("more.jsonl"), line("some more words", "law"));
    requireBad(c, "more.jsonl is new or has changed since); choose another output or remove");
    Files.delete(input.resolve("more.jsonl"));
    Files.delete(input.resolve("chess.json"));
    requireBad(c, "(it was made from 3 files)");
    assertThat(PreparedFiles.contents(directory.resolve("out"))).isEqualTo(before);
  }

  @Test
  void aDamagedResultIsNotReused() throws IOException {
    run(config("out"));
    Path shard = directory.resolve("out/train/shard-00000.parquet");
    Files.delete(shard);
    requireBad(config("out"), "shard-00000.parquet does not exist, but the manifest names it");
  }

  @Test
  void leftoversAreReplacedAndForeignFilesAreNot() throws IOException {
    Files.createDirectories(directory.resolve("out/train"));
    Files.writeString(directory.resolve("out/tokenizer.json"), "half");
    Files.createDirectories(directory.resolve("out.partial/train"));
    Files.writeString(directory.resolve("out.partial/train/_shard-00000.parquet.3"), "half");
    assertThat(run(config("out")).reused()).isFalse();
    assertThat(directory.resolve("out.partial")).doesNotExist();

    Files.createDirectories(directory.resolve("mine"));
    Files.writeString(directory.resolve("mine/thesis.txt"), "years of work");
    requireBad(config("mine"), "mine is there and is not a result of prepare");
    Files.createDirectories(directory.resolve("new.partial"));
    Files.writeString(directory.resolve("new.partial/thesis.txt"), "years of work");
    requireBad(config("new"), "new.partial is there and is not a result of prepare");
    Files.writeString(directory.resolve("file"), "years of work");
    requireBad(config("file"), "file is there and is not a result of prepare");
    assertThat(directory.resolve("mine/thesis.txt")).hasContent("years of work");
    assertThat(directory.resolve("new.partial/thesis.txt")).hasContent("years of work");
    assertThat(directory.resolve("file")).hasContent("years of work");
  }

  @Test
  void rejectedRecordsAreCountedByReason() throws IOException {
    Files.writeString(
        input.resolve("bad.jsonl"),
        "{\"text\": \"cut off\n"
            + "\n" // blank: not a record
            + "{\"text\": \"   \", \"domain\": \"law\"}\n"
            + "{\"text\": \"tiny\", \"domain\": \"law\"}\n"
            + "{\"body\": \"no text\", \"domain\": \"law\"}\n"
            + "{\"text\": \"no domain here\"}\n"
            + "{\"text\": \"half a pair \\ud83d\", \"domain\": \"law\"}\n"
            + "[1, 2]\n"
            + "{\"text\": \"last line without end\", \"domain\": \"law\"}");
    PrepareReport report = run(config("out"));
    assertThat(report.rejected())
        .isEqualTo(
            Map.of(
                "malformed-json", 2L,
                "empty-text", 1L,
                "too-short", 1L,
                "missing-text", 1L,
                "missing-domain", 1L,
                "unpaired-surrogate", 1L));
    assertThat(report.recordsRead()).isEqualTo(758);
    assertThat(report.documents()).isEqualTo(751);
    List<String> rejected =
        table("rejected", "step || ' ' || reason || ' ' || offset || ' ' || domain || excerpt");
    assertThat(rejected)
        .contains(
            "clean empty-text 19 law   ",
            "clean too-short 52 lawtiny",
            "read unpaired-surrogate 150 {\"text\": \"half a pair \\ud83d\", \"domain\": \"law\"}",
            "read malformed-json 198 [1, 2]")
        .hasSize(7);
    assertThat(table("rejected", "file")).containsExactly(input + "/bad.jsonl");
    assertThat(
            table(
                "prep_report",
                "step || ' ' || domain || ' ' || records_in || ' ' || rejected || ' ' || records_out"))
        .contains(
            "read  5 5 0",
            "read chess 200 0 200",
            "read law 403 0 403",
            "read music 150 0 150",
            "clean law 403 2 401",
            "mix law 401 0 401")
        .hasSize(4 + 3 * 4);
    assertThat(table("prep_report", "SUM(records_in - rejected + repeated - records_out)"))
        .containsExactly("0");
  }

  private List<String> table(String table, String columns) {
    return LocalSpark.session()
        .read()
        .parquet(directory.resolve("out/tables/" + table).toString())
        .selectExpr("CAST(" + columns + " AS STRING)")
        .distinct()
        .collectAsList()
        .stream()
        .map(row -> row.getString(0))
        .sorted()
        .toList();
  }

  @Test
  void tooManyUnreadableRecordsStopTheJobAtTheFirst() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 40; i++) {
      lines.append(i < 5 ? line("good enough", "law") : "{broken\n");
    }
    Files.writeString(input.resolve("b.jsonl"), lines);
    requireBad(
        config("out"),
        "/in/b.jsonl line 6: malformed-json; 35 of 790 records (4.43 %) are unreadable, more than"
            + " prepare.maxRejectedShare = 0.01");
    assertThat(directory.resolve("out")).doesNotExist();
  }

  @Test
  void aTruncatedArchiveIsNamed() throws IOException {
    Path file = input.resolve("music.jsonl.gz");
    byte[] bytes = Files.readAllBytes(file);
    for (Path other : List.of(input.resolve("a/law.jsonl"), input.resolve("chess.json"))) {
      Files.delete(other);
    }
    Files.write(file, Arrays.copyOf(bytes, bytes.length / 20));
    PrepareConfig config = config("out");
    requireBad(config, "truncated-file; 1 of ");
  }

  @Test
  void inputThatIsNotWhatTheKeysSayIsNamed() throws IOException {
    requireBad(
        fixture("out").input(directory.resolve("absent")).config(),
        "prepare.input: " + directory + "/absent does not exist");
    requireBad(
        fixture("out").textField("body").config(),
        "law.jsonl line 1: missing-text (no string in prepare.textField = body); 750 of 750");
    requireBad(
        fixture("out").domainField("source").config(),
        "missing-domain (no string in prepare.domainField = source)");
    requireBad(
        fixture("out").minCharacters(100_000).config(),
        "prepare.input: no document in 750 records of " + input + " (750 too-short)");
    requireBad(
        fixture("out").sequenceLength(1_000_000).config(),
        "split is shorter than one sequence of prepare.sequenceLength = 1000000");
    Path empty = Files.createDirectories(directory.resolve("empty"));
    requireBad(
        fixture("out").input(empty).config(),
        "prepare.input: " + empty + " holds no .jsonl, .ndjson, .json or .parquet file");
    assertThat(directory.resolve("out")).doesNotExist();
  }

  @Test
  void stagesReportTheirProgressInOrder() {
    List<String> events = new ArrayList<>();
    Progress progress =
        new Progress() {
          private long total;

          @Override
          public void stage(String name, long units, String unit) {
            events.add(name);
            total = units;
          }

          @Override
          public void advance(long done) {
            assertThat(done).isBetween(0L, total);
          }

          @Override
          public void done(String summary) {
            events.add("done");
          }
        };
    PrepareReport report = new Preparation(LocalSpark.session(), config("out"), progress).run();
    assertThat(events)
        .containsExactly(
            "read",
            "done",
            "words",
            "done",
            "tokenizer",
            "done",
            "encode",
            "done",
            "shards",
            "done");
    assertThat(report.secondsByStage().keySet())
        .containsExactly("read", "words", "tokenizer", "encode", "shards");
  }

  private static void requireBad(PrepareConfig config, String message) {
    assertThatThrownBy(() -> run(config))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }
}
