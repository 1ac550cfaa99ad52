package org.metier.prep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.prep.document.Document;
import org.metier.prep.document.Split;
import org.metier.prep.pack.Mixture;
import org.metier.prep.pack.MixtureConfig;
import org.metier.prep.pack.PackingConfig.Method;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardReader;
import org.metier.prep.shard.TokenSequence;
import org.metier.prep.tokenize.Tokenizer;
import org.metier.prep.tokenize.TokenizerConfig;
import org.metier.prep.tokenize.TokenizerConfig.Source;

/** What tokenizers, packing, the mixture and an interrupted run make of the shards. */
class ShardStageTest {
  private static final Configuration HADOOP = new Configuration();
  private static final int LENGTH = 64;
  private static final long SEED = 42;

  @TempDir Path directory;
  private Path input;
  private final Map<Long, String> textOf = new HashMap<>(); // by document id
  private final Map<Long, Split> splitOf = new HashMap<>();

  @BeforeEach
  void corpus() throws IOException {
    input = directory.resolve("in.jsonl");
    MadeUpText text = new MadeUpText(31);
    ObjectMapper json = new ObjectMapper();
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 420; i++) {
      String domain = i % 7 == 0 ? "chess" : i % 2 == 0 ? "law" : "music";
      String content = i % 5 == 0 ? text.hard(40) + i : text.prose(5 + i % 90);
      Document document = Document.of(content, domain, SEED, 0, 0);
      textOf.put(document.low(), content);
      splitOf.put(document.low(), fixture("x").config().splits().of(document));
      lines.append(
          json.writeValueAsString(new TreeMap<>(Map.of("text", content, "domain", domain))));
      lines.append('\n');
    }
    Files.writeString(input, lines);
  }

  private PrepareFixture fixture(String output) {
    return new PrepareFixture(directory.resolve(output), input)
        .sequenceLength(LENGTH)
        .sequencesPerShard(60)
        .heldOutShare(0.1)
        .validationShare(0.1)
        .packing(Method.BEST_FIT)
        .seed(SEED);
  }

  private static PrepareReport run(PrepareConfig config, int partitions) {
    return new Preparation(LocalSpark.session(), config, Progress.silent(), partitions).run();
  }

  private org.apache.hadoop.fs.Path hadoop(String name) {
    return new org.apache.hadoop.fs.Path(directory.resolve(name).toString());
  }

  private void eachRow(
      String output, Split split, BiConsumer<ShardManifest, TokenSequence> action) {
    org.apache.hadoop.fs.Path path = hadoop(output + "/" + split.directory());
    ShardManifest manifest = ShardManifest.read(path, HADOOP);
    manifest.verify(path, HADOOP);
    try (ShardReader reader = new ShardReader(path, manifest, HADOOP)) {
      for (long position = 0; position < reader.size(); position++) {
        action.accept(manifest, reader.get(position));
      }
    }
  }

  /** Each document whole, under its id, on its side of three. */
  private void requireEveryDocumentOnce(String output, Tokenizer tokenizer) {
    Map<Long, Integer> tokens = new HashMap<>();
    for (Split split : Split.values()) {
      eachRow(
          output,
          split,
          (manifest, row) -> {
            for (int t = 0; t < LENGTH && row.isText(t); t++) {
              long id = row.documentIds()[row.documents()[t]];
              assertThat(splitOf.get(id)).isEqualTo(split);
              tokens.merge(id, row.tokens()[t] == tokenizer.separator() ? 0 : 1, Integer::sum);
            }
          });
    }
    assertThat(tokens.keySet()).isEqualTo(textOf.keySet());
    textOf.forEach(
        (id, text) -> assertThat(tokens.get(id)).as(text).isEqualTo(tokenizer.encode(text).length));
  }

  @Test
  void bestFitRowsHoldEveryDocumentOfThreeSplitsWithItsId() throws IOException {
    PrepareReport report = run(fixture("out").config(), 3);
    Tokenizer tokenizer = Tokenizer.load(hadoop("out/tokenizer.json"), HADOOP);
    requireEveryDocumentOnce("out", tokenizer);
    assertThat(splitOf.values()).contains(Split.values());
    for (PrepareReport.DomainCounts counts : report.domains()) {
      assertThat(counts.droppedTokens()).isZero();
      assertThat(counts.sequences()).isEqualTo(counts.packedSequences());
      assertThat(counts.sequences() * LENGTH).isEqualTo(counts.tokens() + counts.paddingTokens());
    }
    run(fixture("one").config(), 1);
    assertThat(files("one")).isEqualTo(files("out"));
  }

  @Test
  void tokenizersOfEverySourcePrepareTheCorpus() throws IOException {
    Path gpt2 = Path.of("src/test/resources/foreign-tokenizers/gpt2.json");
    Map<Source, Integer> sizes =
        Map.of(Source.BYTES, 257, Source.TIKTOKEN, 50_257, Source.FILE, 400);
    for (Source source : sizes.keySet()) {
      TokenizerConfig config =
          new TokenizerConfig(source, gpt2.toAbsolutePath().toString(), "", "r50k_base");
      String output = source.name();
      PrepareReport report = run(fixture(output).tokenizer(config).config(), 2);
      assertThat(report.tokenizer().vocabSize()).isEqualTo(sizes.get(source));
      ShardManifest manifest = ShardManifest.read(hadoop(output + "/train"), HADOOP);
      Tokenizer tokenizer = manifest.tokenizer(hadoop(output + "/tokenizer.json"), HADOOP);
      assertThat(tokenizer.vocabSize()).isEqualTo(sizes.get(source));
      requireEveryDocumentOnce(output, tokenizer);
      assertThat(run(fixture(output).tokenizer(config).config(), 2).reused()).isTrue();
    }
    assertThat(directory.resolve("FILE/tokenizer.json")).hasSameBinaryContentAs(gpt2);
  }

  @Test
  void aTokenizerThatIsNotThereEndsTheJobBeforeAnythingIsWritten() {
    TokenizerConfig config =
        new TokenizerConfig(
            Source.FILE, directory.resolve("none.json").toString(), "", "r50k_base");
    assertThatThrownBy(() -> run(fixture("out").tokenizer(config).config(), 1))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("none.json cannot be read");
    assertThat(directory.resolve("out.partial")).doesNotExist();
  }

  @Test
  void aTokenizerFileThatHasChangedIsNotReused() throws IOException {
    Path file = directory.resolve("mine.json");
    Files.copy(Path.of("src/test/resources/foreign-tokenizers/gpt2.json"), file);
    TokenizerConfig config = new TokenizerConfig(Source.FILE, file.toString(), "", "r50k_base");
    run(fixture("out").tokenizer(config).config(), 2);
    Files.writeString(file, Files.readString(file) + "\n");
    assertThatThrownBy(() -> run(fixture("out").tokenizer(config).config(), 2))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("its tokenizer is another than prepare.tokenizer gives now");
  }

  @Test
  void theMixtureIsInTheShardsExactly() {
    MixtureConfig mixture =
        new MixtureConfig(
            MixtureConfig.Method.SHARES,
            Map.of("chess", 5.0, "law", 4.0, "music", 1.0),
            1,
            20_000,
            1e9);
    PrepareReport report = run(fixture("out").mixture(mixture).config(), 4);
    Map<String, Long> rows = new TreeMap<>();
    Map<String, Map<List<Integer>, Integer>> copies = new HashMap<>();
    eachRow(
        "out",
        Split.TRAIN,
        (manifest, row) -> {
          String domain = manifest.domains().get(row.domains()[0]);
          rows.merge(domain, 1L, Long::sum);
          List<Integer> tokens = Arrays.stream(row.tokens()).boxed().toList();
          copies.computeIfAbsent(domain, d -> new HashMap<>()).merge(tokens, 1, Integer::sum);
        });
    ShardManifest manifest = ShardManifest.read(hadoop("out/train"), HADOOP);
    assertThat(rows).isEqualTo(manifest.sequencesByDomain());
    for (Mixture.Share share : report.mixture()) {
      assertThat(Math.abs(share.got() - share.asked())).isLessThan(LENGTH);
      assertThat(rows.get(share.domain()) * LENGTH).isEqualTo(share.got());
      long packed = manifest.packedSequencesByDomain().get(share.domain());
      assertThat(share.available()).isEqualTo(packed * LENGTH);
      int least = (int) (rows.get(share.domain()) / packed);
      assertThat(copies.get(share.domain()).values()).allMatch(n -> n == least || n == least + 1);
    }
    ShardManifest heldOut = ShardManifest.read(hadoop("out/held-out"), HADOOP);
    assertThat(heldOut.sequencesByDomain()).isEqualTo(heldOut.packedSequencesByDomain());
  }

  /** The run ends after the shards; of those some are lost, cut or damaged before the next. */
  @Test
  void anInterruptedRunIsGoneOnWithShardByShard() throws IOException {
    run(fixture("whole").config(), 2);
    Map<String, String> whole = files("whole");
    PrepareConfig config = fixture("out").config();
    Runnable killed =
        () -> {
          throw new IllegalStateException("killed");
        };
    assertThatThrownBy(
            () -> new Preparation(LocalSpark.session(), config, Progress.silent(), 2).run(killed))
        .hasMessage("killed");
    Path train = directory.resolve("out.partial/train");
    Files.delete(train.resolve("shard-00001.parquet"));
    damage(train.resolve("shard-00002.parquet"));
    Files.writeString(train.resolve("_shard-00003.parquet.7"), "half");
    Files.writeString(directory.resolve("out.partial/_finished-shards/shard-00000.json"), "{\"nu");
    FileTime before = FileTime.fromMillis(1_000_000_000_000L);
    try (var shards = Files.list(train)) {
      for (Path shard : shards.filter(f -> f.toString().endsWith(".parquet")).toList()) {
        Files.setLastModifiedTime(shard, before);
      }
    }
    assertThat(run(config, 5).reused()).isFalse();
    assertThat(files("out")).isEqualTo(whole);
    Set<String> rewritten = new HashSet<>();
    try (var shards = Files.list(directory.resolve("out/train"))) {
      for (Path shard : shards.filter(f -> f.toString().endsWith(".parquet")).toList()) {
        if (!Files.getLastModifiedTime(shard).equals(before)) {
          rewritten.add(shard.getFileName().toString());
        }
      }
    }
    assertThat(rewritten)
        .containsExactlyInAnyOrder(
            "shard-00000.parquet", "shard-00001.parquet", "shard-00002.parquet");
  }

  @Test
  void anInterruptedRunOfOtherSettingsLeavesNothingBehind() throws IOException {
    PrepareConfig other = fixture("out").sequencesPerShard(20).validationShare(0.2).config();
    assertThatThrownBy(
            () ->
                new Preparation(LocalSpark.session(), other, Progress.silent(), 2)
                    .run(
                        () -> {
                          throw new IllegalStateException("killed");
                        }))
        .hasMessage("killed");
    run(fixture("out").validationShare(0).config(), 2);
    run(fixture("clean").validationShare(0).config(), 2);
    assertThat(files("out")).isEqualTo(files("clean"));
    assertThat(files("out").keySet()).noneMatch(name -> name.startsWith("validation"));
  }

  /** Without Hadoop's own checksum file, which would be the first to notice. */
  private static void damage(Path shard) throws IOException {
    byte[] bytes = Files.readAllBytes(shard);
    bytes[bytes.length / 2] ^= 1;
    Files.delete(shard.resolveSibling("." + shard.getFileName() + ".crc"));
    Files.write(shard, bytes);
  }

  /** Content by name; the report, which holds times, is left out. */
  private Map<String, String> files(String output) throws IOException {
    Map<String, String> contents = new TreeMap<>();
    Path root = directory.resolve(output);
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
