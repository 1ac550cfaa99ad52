package org.metier.prep.tokenize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.metier.prep.BadDataException;
import org.metier.prep.MadeUpText;
import org.metier.prep.document.Sha256;

/**
 * Tokenizers of other makes against ids.json, which Hugging Face {@code tokenizers} and {@code
 * tiktoken} have written (make.py beside it).
 */
class ForeignTokenizersTest {
  private static final Path FIXTURES = Path.of("src/test/resources/foreign-tokenizers");
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path directory;

  private static Tokenizer load(Path file, String separator) {
    return Tokenizer.load(
        new org.apache.hadoop.fs.Path(file.toUri()), separator, new Configuration());
  }

  private static Tokenizer load(String name) {
    return load(FIXTURES.resolve(name + ".json"), "");
  }

  private static void requireIds(Tokenizer tokenizer, String name) throws IOException {
    JsonNode expected = JSON.readTree(FIXTURES.resolve("ids.json").toFile());
    Encoder encoder = tokenizer.newEncoder();
    assertThat(expected.path(name)).hasSizeGreaterThan(40);
    for (int i = 0; i < expected.path(name).size(); i++) {
      String text = expected.path("texts").path(i).asText();
      int[] ids = JSON.convertValue(expected.path(name).path(i), int[].class);
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      int[] ours = encoder.encode(utf8);
      assertThat(ours).doesNotContain(tokenizer.separator());
      // A Unigram vocabulary holds its special tokens, and the library finds them in any text.
      boolean foundSpecial = Arrays.stream(ids).anyMatch(id -> id == tokenizer.separator());
      assertThat(foundSpecial).isEqualTo(name.equals("t5") && text.contains("</s>"));
      if (!foundSpecial) {
        assertThat(ours).as("%s: %s", name, text).isEqualTo(ids);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "bert", "t5", "llama"})
  void aTokenizerOfAnotherMakeGivesItsOwnIds(String name) throws IOException {
    requireIds(load(name), name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"r50k_base", "p50k_base", "cl100k_base", "o200k_base"})
  void tiktokenGivesItsOwnIds(String name) throws IOException {
    requireIds(TiktokenTokenizer.of(name), name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"p50k_base", "cl100k_base"})
  void theFileOfATiktokenEncodingGivesTheSameIds(String name) throws IOException {
    Tokenizer tiktoken = TiktokenTokenizer.of(name);
    Path file = directory.resolve("tokenizer.json");
    tiktoken.save(new org.apache.hadoop.fs.Path(file.toUri()), new Configuration());
    Tokenizer loaded = load(file, "");
    requireIds(loaded, name);
    assertThat(loaded.vocabSize()).isEqualTo(tiktoken.vocabSize());
    assertThat(loaded.separator()).isEqualTo(tiktoken.separator());
    assertThat(loaded.sha256())
        .isEqualTo(tiktoken.sha256())
        .isEqualTo(Sha256.of(Files.readAllBytes(file)));
    for (int id = 0; id < tiktoken.vocabSize(); id++) {
      assertThat(loaded.byteLength(id)).isEqualTo(tiktoken.byteLength(id));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "r50k_base", "bytes"})
  void hardTextComesBackExactlyAndLengthsAddUp(String name) {
    Tokenizer tokenizer =
        switch (name) {
          case "gpt2" -> load(name);
          case "bytes" -> BytePairTokenizer.ofBytes();
          default -> TiktokenTokenizer.of(name);
        };
    MadeUpText text = new MadeUpText(21);
    Encoder encoder = tokenizer.newEncoder();
    for (int i = 0; i < 300; i++) {
      byte[] utf8 = text.hard(60).getBytes(StandardCharsets.UTF_8);
      int[] ids = encoder.encode(utf8);
      assertThat(tokenizer.decode(ids).getBytes(StandardCharsets.UTF_8)).isEqualTo(utf8);
      assertThat(Arrays.stream(ids).map(tokenizer::byteLength).sum()).isEqualTo(utf8.length);
      assertThat(ids).doesNotContain(tokenizer.separator());
    }
  }

  @Test
  void thePrefixComesFirstAndTheRestOfTheBufferIsNotRead() {
    byte[] buffer = "kalo lomin, and more".getBytes(StandardCharsets.UTF_8);
    for (Tokenizer tokenizer :
        List.of(load("gpt2"), TiktokenTokenizer.of("r50k_base"), BytePairTokenizer.ofBytes())) {
      int[] ids = tokenizer.encode("kalo lomin");
      assertThat(tokenizer.newEncoder().encode(buffer, 10, new int[] {7, 8}))
          .startsWith(7, 8)
          .endsWith(ids)
          .hasSize(2 + ids.length);
    }
  }

  @Test
  void textOfOtherVocabulariesIsDecodedByTheirRules() {
    Tokenizer llama = load("llama");
    assertThat(llama.decode(llama.encode("kalo öx"))).isEqualTo("kalo öx");
    assertThat(Arrays.stream(llama.encode("ö")).map(llama::byteLength).sum())
        .isEqualTo(3); // the blank that its rule puts in front, and two bytes
    Tokenizer bert = load("bert");
    assertThat(bert.decode(bert.encode("KALO  lo"))).isEqualTo("kalo lo");
    assertThat(load("t5").separator()).isEqualTo(1);
  }

  @Test
  void aSeparatorIsTheOneNamedOrTheUsualOne() throws IOException {
    assertThat(load(FIXTURES.resolve("bert.json"), "[CLS]").separator()).isEqualTo(2);
    assertThat(load("bert").separator()).isEqualTo(3);
    assertThat(load("bert").byteLength(3)).isZero();
    assertThatThrownBy(() -> load(FIXTURES.resolve("bert.json"), "<none>"))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("prepare.tokenizer.separator: ")
        .hasMessageEndingWith("bert.json has no token <none>");
    String odd = Files.readString(FIXTURES.resolve("gpt2.json")).replace("<|endoftext|>", "<odd>");
    Path file = Files.writeString(directory.resolve("odd.json"), odd);
    assertThatThrownBy(() -> load(file, ""))
        .isInstanceOf(BadDataException.class)
        .hasMessageEndingWith("no special token of a usual name; name one of [<odd>]");
    assertThat(load(file, "<odd>").separator()).isZero();
  }

  @Test
  void aFileThatTheLibraryDoesNotTakeIsNamedInOneLine() throws IOException {
    String json = Files.readString(FIXTURES.resolve("gpt2.json"));
    String unknown = json.replace("\"type\":\"BPE\"", "\"type\":\"XYZ\"");
    Path file = Files.writeString(directory.resolve("unknown.json"), unknown);
    assertThatThrownBy(() -> load(file, ""))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("unknown.json is not a tokenizer: ")
        .hasMessageNotContaining("\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"t5", "r50k_base"})
  void survivesSerialisationInUse(String name) throws Exception {
    Tokenizer tokenizer = name.equals("t5") ? load(name) : TiktokenTokenizer.of(name);
    int[] ids = tokenizer.encode("kalomin ö");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(tokenizer);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      Tokenizer copy = (Tokenizer) in.readObject();
      assertThat(copy.encode("kalomin ö")).isEqualTo(ids);
      assertThat(copy.sha256()).isEqualTo(tokenizer.sha256());
      assertThat(copy.decode(ids)).isEqualTo(tokenizer.decode(ids));
    }
  }

  /**
   * Writes the converted encodings to a folder, for make.py to compare with tiktoken: {@code
   * ForeignTokenizersTest RANKS}.
   */
  public static void main(String[] args) throws IOException {
    for (String name : Tiktoken.names()) {
      Files.write(Path.of(args[0]).resolve(name + ".json"), TiktokenTokenizer.of(name).toJson());
    }
  }
}
