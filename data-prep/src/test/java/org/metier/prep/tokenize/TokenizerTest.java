package org.metier.prep.tokenize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.metier.prep.BadDataException;
import org.metier.prep.MadeUpText;

class TokenizerTest {
  private static final Configuration HADOOP = new Configuration();
  private static final Path HUGGING_FACE = Path.of("src/test/resources/hugging-face");

  @TempDir Path directory;

  static BytePairTokenizer trained(int merges) {
    MadeUpText text = new MadeUpText(5);
    String[] texts = {text.prose(4000), text.hard(1500)};
    return BytePairTokenizer.of(BpeTrainer.train(BpeTrainerTest.count(texts), merges, done -> {}));
  }

  private Path saved(Tokenizer tokenizer) throws Exception {
    Path file = directory.resolve("tokenizer.json");
    tokenizer.save(new org.apache.hadoop.fs.Path(file.toString()), HADOOP);
    return file;
  }

  private static Tokenizer load(Path file) {
    return Tokenizer.load(new org.apache.hadoop.fs.Path(file.toString()), HADOOP);
  }

  /** Merges applied as they are defined: each over the whole word, in the order learned. */
  private static int[] naiveEncode(BytePairTokenizer tokenizer, String text) {
    List<Integer> ids = new ArrayList<>();
    for (String word : PreTokenizerTest.words(text)) {
      List<Integer> symbols = new ArrayList<>();
      for (byte b : word.getBytes(StandardCharsets.UTF_8)) {
        symbols.add(b & 0xFF);
      }
      for (int i = 0; i < tokenizer.merges().length; i++) {
        int[] merge = tokenizer.merges()[i];
        BpeTrainerTest.replace(symbols, merge[0], merge[1], BytePairTokenizer.FIRST_MERGE + i);
      }
      ids.addAll(symbols);
    }
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  @Test
  void encodesAsTheDefinitionDoes() {
    BytePairTokenizer tokenizer = trained(300);
    MadeUpText text = new MadeUpText(6);
    for (int i = 0; i < 300; i++) {
      String sample = i % 2 == 0 ? text.prose(20) : text.hard(40);
      assertThat(tokenizer.encode(sample)).isEqualTo(naiveEncode(tokenizer, sample));
    }
  }

  @Test
  void encodesWordsTooLongToRememberAsTheDefinitionDoes() {
    BytePairTokenizer tokenizer = trained(300);
    String text = "ka".repeat(300) + " " + "=".repeat(500) + "lomin".repeat(90);
    assertThat(tokenizer.encode(text)).isEqualTo(naiveEncode(tokenizer, text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "\u0000",
        "a\u0000b",
        "\r\n\r\n",
        "😀👩‍👩‍👧",
        "漢字かな交じり文",
        "\uFEFFx",
        "𝔘𝔫𝔦",
        "e\u0301",
        "\uFFFF",
        "<|endoftext|>"
      })
  void textComesBackExactly(String text) {
    BytePairTokenizer tokenizer = trained(200);
    assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
  }

  @Test
  void everyTextComesBackExactlyAndLengthsAddUp() {
    BytePairTokenizer tokenizer = trained(300);
    MadeUpText text = new MadeUpText(7);
    for (int i = 0; i < 1000; i++) {
      String sample = text.hard(60);
      int[] ids = tokenizer.encode(sample);
      assertThat(tokenizer.decode(ids)).isEqualTo(sample);
      assertThat(Arrays.stream(ids).map(tokenizer::byteLength).sum())
          .isEqualTo(sample.getBytes(StandardCharsets.UTF_8).length);
      assertThat(ids).doesNotContain(tokenizer.separator());
    }
  }

  @Test
  void forgettingWordsDoesNotChangeIds() {
    BytePairTokenizer tokenizer = trained(100);
    Encoder encoder = tokenizer.newEncoder();
    // Enough different words to empty the memory on the way.
    for (int i = 0; i < 400_000; i++) {
      byte[] text =
          ("w" + "abcdefghij".charAt(i % 10) + Integer.toString(i, 36).repeat(10))
              .getBytes(StandardCharsets.UTF_8);
      if (i % 20_000 == 0) {
        assertThat(encoder.encode(text)).isEqualTo(tokenizer.newEncoder().encode(text));
      } else {
        encoder.encode(text);
      }
    }
    String text = new MadeUpText(8).prose(500);
    assertThat(encoder.encode(text.getBytes(StandardCharsets.UTF_8)))
        .isEqualTo(tokenizer.encode(text));
  }

  @Test
  void separatorStandsForNoText() {
    BytePairTokenizer tokenizer = trained(10);
    assertThat(tokenizer.byteLength(tokenizer.separator())).isZero();
    assertThat(tokenizer.decode(new int[] {'a', tokenizer.separator(), 'b'})).isEqualTo("ab");
    assertThat(tokenizer.vocabSize()).isEqualTo(BytePairTokenizer.FIRST_MERGE + 10);
  }

  @Test
  void savedAndLoadedItIsTheSame() throws Exception {
    BytePairTokenizer tokenizer = trained(300);
    Tokenizer loaded = load(saved(tokenizer));
    String text = new MadeUpText(9).hard(500);
    assertThat(loaded.encode(text)).isEqualTo(tokenizer.encode(text));
    assertThat(loaded.sha256()).isEqualTo(tokenizer.sha256());
    assertThat(loaded.vocabSize()).isEqualTo(tokenizer.vocabSize());
  }

  @Test
  void survivesSerialisationInUse() throws Exception {
    BytePairTokenizer tokenizer = trained(100);
    int[] ids = tokenizer.encode("kalomin");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(tokenizer);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      assertThat(((Tokenizer) in.readObject()).encode("kalomin")).isEqualTo(ids);
    }
  }

  @Test
  void aDamagedFileIsNamedInOneLine() throws Exception {
    String json = Files.readString(saved(trained(50)));
    requireCorrupt(json.substring(0, json.length() / 2), "is not a tokenizer: it is not JSON");
    requireCorrupt("{}", "is not a tokenizer: it has no model.vocab");
    String ours = "is not a tokenizer that Metier wrote: ";
    requireCorrupt(
        json.replaceFirst("\"a\" : 97", "\"a\" : 98"), ours + "byte 97 does not have id 97");
    requireCorrupt(
        json.replaceFirst("\"merges\" : \\[\\s*\"[^\"]*\",", "\"merges\" : ["), ours + "merge 0 ");
    requireCorrupt(json.replaceAll("256", "255"), ours + "<|endoftext|> does not have id 256");
    assertThatThrownBy(() -> load(directory.resolve("absent.json")))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("absent.json");
  }

  private void requireCorrupt(String json, String what) throws Exception {
    Path file = directory.resolve("damaged.json");
    Files.writeString(file, json);
    assertThatThrownBy(() -> load(file))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("damaged.json " + what)
        .hasMessageNotContaining("\n");
  }

  /**
   * tokenizer.json is what training on {@link MadeUpText} gives here, byte for byte; ids.json is
   * what Hugging Face tokenizers makes of texts.json with it (ids.py).
   */
  @Test
  void huggingFaceGivesTheSameIds() throws Exception {
    Tokenizer loaded = load(HUGGING_FACE.resolve("tokenizer.json"));
    ObjectMapper json = new ObjectMapper();
    List<String> texts =
        json.readValue(HUGGING_FACE.resolve("texts.json").toFile(), new TypeReference<>() {});
    List<int[]> ids =
        json.readValue(HUGGING_FACE.resolve("ids.json").toFile(), new TypeReference<>() {});
    assertThat(texts).hasSameSizeAs(ids).hasSizeGreaterThan(30);
    for (int i = 0; i < texts.size(); i++) {
      assertThat(loaded.encode(texts.get(i))).as("%s", texts.get(i)).isEqualTo(ids.get(i));
    }
    assertThat(Files.readAllBytes(saved(trained(200))))
        .isEqualTo(Files.readAllBytes(HUGGING_FACE.resolve("tokenizer.json")));
  }
}
