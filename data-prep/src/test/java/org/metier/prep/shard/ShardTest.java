package org.metier.prep.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.Util;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.prep.BadDataException;
import org.metier.prep.LocalSpark;
import org.metier.prep.tokenize.BytePairTokenizer;
import org.metier.prep.tokenize.Tokenizer;

class ShardTest {
  private static final int LENGTH = 16;
  private static final int VOCABULARY = 300;
  private static final List<String> DOMAINS = List.of("chess", "law", "music");
  private static final Configuration HADOOP = new Configuration();

  @TempDir java.nio.file.Path directory;
  private Path split;
  private List<TokenSequence> sequences;
  private ShardManifest manifest;

  /** Three shards, the middle one empty. */
  @BeforeEach
  void write() throws IOException {
    split = new Path(directory.toString());
    sequences = new ArrayList<>();
    List<ShardManifest.Shard> shards = new ArrayList<>();
    shards.add(writeShard(0, 40, VOCABULARY));
    shards.add(writeShard(1, 0, VOCABULARY));
    shards.add(writeShard(2, 23, VOCABULARY));
    manifest = manifest(shards, VOCABULARY);
    manifest.write(split, HADOOP);
  }

  private ShardManifest.Shard writeShard(int shard, int count, int limit) throws IOException {
    Random random = new Random(shard);
    try (ShardWriter writer =
        new ShardWriter(split, ShardWriter.fileName(shard), random.nextInt(100), HADOOP)) {
      for (int i = 0; i < count; i++) {
        int[] tokens = random.ints(LENGTH + 1, 0, limit).toArray();
        int[] starts = new int[LENGTH];
        int[] domains = new int[LENGTH];
        for (int t = 0; t < LENGTH; t++) {
          starts[t] = random.nextInt(t + 1);
          domains[t] = random.nextInt(DOMAINS.size());
        }
        int[] documents = new int[LENGTH];
        long[] ids = random.longs(1 + random.nextInt(LENGTH)).toArray();
        int[] lossMask = random.ints(LENGTH, 0, 2).toArray();
        for (int t = 0; t < LENGTH; t++) {
          documents[t] = random.nextInt(ids.length + 1) - 1;
        }
        TokenSequence sequence =
            new TokenSequence(tokens, starts, domains, documents, lossMask, ids);
        writer.write(sequences.size(), sequence);
        sequences.add(sequence);
      }
      return writer.commit();
    }
  }

  private ShardManifest manifest(List<ShardManifest.Shard> shards, int vocabSize) {
    return new ShardManifest(
        ShardManifest.FORMAT_VERSION,
        "train",
        LENGTH,
        vocabSize,
        "0".repeat(64),
        "<|endoftext|>",
        DOMAINS,
        shards.stream().mapToLong(ShardManifest.Shard::sequences).sum(),
        shards,
        Map.of("law", 5L),
        Map.of(),
        Map.of(),
        Map.of(),
        Map.of(),
        Map.of(),
        7);
  }

  @Test
  void readsBackWhatWasWrittenInAnyOrder() {
    ShardManifest read = ShardManifest.read(split, HADOOP);
    assertThat(read).isEqualTo(manifest);
    read.verify(split, HADOOP);
    Random random = new Random(5);
    try (ShardReader reader = new ShardReader(split, read, HADOOP)) {
      assertThat(reader.size()).isEqualTo(63);
      for (int i = 0; i < 300; i++) {
        int position = random.nextInt(63);
        TokenSequence expected = sequences.get(position);
        TokenSequence actual = reader.get(position);
        assertThat(actual.tokens()).isEqualTo(expected.tokens());
        assertThat(actual.documentStart()).isEqualTo(expected.documentStart());
        assertThat(actual.domains()).isEqualTo(expected.domains());
        assertThat(actual.documents()).isEqualTo(expected.documents());
        assertThat(actual.lossMask()).isEqualTo(expected.lossMask());
        assertThat(actual.documentIds()).isEqualTo(expected.documentIds());
      }
      assertThatThrownBy(() -> reader.get(63)).isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> reader.get(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void sparkSqlReadsTheColumns() {
    Dataset<Row> shards = LocalSpark.session().read().parquet(split + "/*.parquet");
    shards.createOrReplaceTempView("shards");
    Row row =
        LocalSpark.session()
            .sql(
                "SELECT count(*), max(sequence), max(size(tokens)), max(size(document_start)),"
                    + " sum(aggregate(tokens, 0, (a, x) -> a + x)),"
                    + " count_if(document_ids[documents[0]] IS NOT NULL) FROM shards")
            .head();
    long sum = sequences.stream().flatMapToInt(s -> java.util.Arrays.stream(s.tokens())).sum();
    assertThat(row.getLong(0)).isEqualTo(63);
    assertThat(row.getLong(1)).isEqualTo(62);
    assertThat(row.getInt(2)).isEqualTo(LENGTH + 1);
    assertThat(row.getInt(3)).isEqualTo(LENGTH);
    assertThat(row.getLong(4)).isEqualTo(sum);
    assertThat(row.getLong(5))
        .isEqualTo(sequences.stream().filter(sequence -> sequence.isText(0)).count());
  }

  /** Parquet's own order of them is that of a hash set, and differs from process to process. */
  @Test
  void theFootersListsAreSorted() throws IOException {
    byte[] bytes = Files.readAllBytes(directory.resolve(ShardWriter.fileName(0)));
    ByteBuffer tail = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int length = tail.getInt(bytes.length - 8);
    int from = bytes.length - 8 - length;
    FileMetaData footer = Util.readFileMetaData(new ByteArrayInputStream(bytes, from, length));
    assertThat(footer.getRow_groups()).hasSize(1);
    footer
        .getRow_groups()
        .get(0)
        .getColumns()
        .forEach(
            column -> {
              assertThat(column.getMeta_data().getEncodings()).hasSizeGreaterThan(1).isSorted();
              assertThat(column.getMeta_data().getEncoding_stats()).isSorted();
            });
  }

  @Test
  void anUnfinishedShardLeavesNothing() throws IOException {
    ShardWriter writer = new ShardWriter(split, ShardWriter.fileName(9), 1, HADOOP);
    writer.write(0, sequences.get(0));
    writer.close();
    try (var files = Files.list(directory)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .noneMatch(name -> name.contains("00009"));
    }
  }

  @Test
  void everyFlippedBitIsFound() throws IOException {
    java.nio.file.Path file = directory.resolve(ShardWriter.fileName(2));
    byte[] bytes = Files.readAllBytes(file);
    Random random = new Random(6);
    for (int trial = 0; trial < 60; trial++) {
      byte[] flipped = bytes.clone();
      flipped[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      replace(file, flipped);
      requireBad(() -> readAll(manifest), "shard-00002.parquet is corrupt: its SHA-256 is ");
      requireBad(() -> manifest.verify(split, HADOOP), "shard-00002.parquet is corrupt: ");
    }
  }

  @Test
  void truncatedAndMissingShardsAreFoundBeforeAnythingIsRead() throws IOException {
    java.nio.file.Path file = directory.resolve(ShardWriter.fileName(0));
    byte[] bytes = Files.readAllBytes(file);
    replace(file, java.util.Arrays.copyOf(bytes, bytes.length / 2));
    String sizes = "has " + bytes.length / 2 + " bytes, the manifest says " + bytes.length;
    requireBad(() -> ShardManifest.read(split, HADOOP), "shard-00000.parquet " + sizes);
    requireBad(() -> readAll(manifest), "shard-00000.parquet " + sizes);
    Files.delete(file);
    requireBad(
        () -> ShardManifest.read(split, HADOOP),
        "shard-00000.parquet does not exist, but the manifest names it");
  }

  /** Whole and with the right hash, but not what the manifest says. */
  @Test
  void aShardThatDoesNotFitItsManifestIsFound() throws IOException {
    ShardManifest small = manifest(manifest.shards(), VOCABULARY / 2);
    requireBad(() -> readAll(small), "shard-00000.parquet does not match its manifest: row 0 has");
    List<ShardManifest.Shard> swapped = new ArrayList<>(manifest.shards());
    swapped.set(0, manifest.shards().get(2));
    requireBad(
        () -> readAll(manifest(swapped.subList(0, 1), VOCABULARY)),
        "shard-00002.parquet does not match its manifest: row 0 has position 40 instead of 0");
    ShardManifest.Shard first = manifest.shards().get(0);
    ShardManifest.Shard fewer =
        new ShardManifest.Shard(first.file(), 39, first.bytes(), first.sha256());
    requireBad(
        () -> readAll(manifest(List.of(fewer), VOCABULARY)),
        "shard-00000.parquet does not match its manifest: it has 40 sequences instead of 39");
  }

  @Test
  void aManifestThatIsNoneIsFound() throws IOException {
    java.nio.file.Path file = directory.resolve(ShardManifest.FILE);
    String json = Files.readString(file);
    replace(file, json.substring(0, 100).getBytes());
    requireBad(() -> ShardManifest.read(split, HADOOP), "manifest.json is not a manifest: ");
    replace(file, json.replace("\"formatVersion\" : 2", "\"formatVersion\" : 99").getBytes());
    requireBad(
        () -> ShardManifest.read(split, HADOOP),
        "manifest.json has format version 99, this code reads 2");
    replace(file, json.replace("\"sequences\" : 63", "\"sequences\" : 64").getBytes());
    requireBad(
        () -> ShardManifest.read(split, HADOOP),
        "manifest.json says 64 sequences, its shards have 63");
    replace(file, json.replace("\"domains\"", "\"domain\"").getBytes());
    requireBad(() -> ShardManifest.read(split, HADOOP), "manifest.json is not a manifest: ");
    Files.delete(file);
    requireBad(() -> ShardManifest.read(split, HADOOP), "manifest.json does not exist");
  }

  @Test
  void anotherTokenizerIsRefused() {
    Tokenizer bytes = BytePairTokenizer.ofBytes();
    Path file = new Path("tokenizer.json");
    requireBad(
        () -> manifest.requireTokenizer(bytes, file),
        "tokenizer.json has 257 tokens, the train manifest was written with 300");
    requireBad(
        () -> manifest(manifest.shards(), 257).requireTokenizer(bytes, file),
        "tokenizer.json is not the tokenizer of the train shards");
  }

  private void readAll(ShardManifest manifest) {
    try (ShardReader reader = new ShardReader(split, manifest, HADOOP)) {
      for (long position = 0; position < reader.size(); position++) {
        reader.get(position);
      }
    }
  }

  /** Without Hadoop's own checksum file, which would be the first to notice. */
  private void replace(java.nio.file.Path file, byte[] bytes) throws IOException {
    Files.deleteIfExists(directory.resolve("." + file.getFileName() + ".crc"));
    Files.write(file, bytes);
  }

  private static void requireBad(Runnable action, String message) {
    assertThatThrownBy(action::run)
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }
}
