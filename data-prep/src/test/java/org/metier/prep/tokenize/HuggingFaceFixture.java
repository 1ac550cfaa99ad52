package org.metier.prep.tokenize;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.metier.prep.MadeUpText;

/**
 * Writes {@code tokenizer.json} and {@code texts.json} of the fixture; {@code ids.py} beside them
 * then writes {@code ids.json}. Run it in the module's directory when the made-up text changes.
 */
final class HuggingFaceFixture {
  private HuggingFaceFixture() {}

  public static void main(String[] args) throws Exception {
    Path directory = Files.createDirectories(Path.of("src/test/resources/hugging-face"));
    TokenizerTest.trained(200)
        .save(
            new org.apache.hadoop.fs.Path(directory.resolve("tokenizer.json").toUri()),
            new Configuration());
    MadeUpText text = new MadeUpText(10);
    List<String> texts = new ArrayList<>(List.of("", " ", "\r\n", "I'LL don't 12345\n\n    x"));
    for (int i = 0; i < 40; i++) {
      // Hugging Face finds the separator in text, Metier does not: that is wanted.
      texts.add((i % 2 == 0 ? text.hard(30) : text.prose(12)).replace("<|endoftext|>", "<||>"));
    }
    new ObjectMapper().writeValue(directory.resolve("texts.json").toFile(), texts);
  }
}
