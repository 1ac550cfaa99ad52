package org.metier.prep.tokenize;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.metier.prep.BadDataException;

/**
 * Text to token ids and back. Each is a {@code tokenizer.json} of Hugging Face {@code tokenizers},
 * whose bytes are its identity: the same text gives the same ids wherever that file is read.
 *
 * <p>Safe for several threads; a loop over many texts should hold its own {@link #newEncoder()}.
 */
public interface Tokenizer extends Serializable {

  /** The separator of a tokenizer that Metier has trained. */
  String SEPARATOR_TEXT = "<|endoftext|>";

  /** Ids lie in [0, vocabSize); some of them may stand for nothing. */
  int vocabSize();

  /** Id of the token that begins every document and ends the one before it. */
  int separator();

  /** The separator as the file spells it. */
  String separatorText();

  /** An encoder for one thread. */
  Encoder newEncoder();

  /** The text of token ids; the separator leaves no trace. */
  String decode(int[] ids);

  /** Bytes of text that a token stands for; 0 for the separator and other special tokens. */
  int byteLength(int id);

  /** The bytes of {@code tokenizer.json}. */
  byte[] toJson();

  /** SHA-256 of {@link #toJson()}, in hexadecimal. */
  String sha256();

  /** Token ids of a text, without separator. */
  default int[] encode(String text) {
    return newEncoder().encode(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes {@code tokenizer.json}. */
  default void save(Path file, Configuration hadoop) throws IOException {
    try (OutputStream out = file.getFileSystem(hadoop).create(file, true)) {
      out.write(toJson());
    }
  }

  /**
   * Reads a {@code tokenizer.json} whose separator needs no naming.
   *
   * @throws BadDataException if it is not there or is no such file
   */
  static Tokenizer load(Path file, Configuration hadoop) {
    return load(file, "", hadoop);
  }

  /**
   * Reads a {@code tokenizer.json}: one that Metier wrote as what it was, any other as Hugging Face
   * {@code tokenizers} would.
   *
   * @param separator text of the token that separates documents; empty means the file's own
   * @throws BadDataException if it is not there, is no such file or has no such token
   */
  static Tokenizer load(Path file, String separator, Configuration hadoop) {
    byte[] json;
    try (InputStream in = file.getFileSystem(hadoop).open(file)) {
      json = in.readAllBytes();
    } catch (IOException e) {
      throw new BadDataException(file + " cannot be read: " + e.getMessage(), e);
    }
    JsonNode root;
    try {
      root = new ObjectMapper().readTree(json);
    } catch (JsonProcessingException e) {
      throw new BadDataException(file + " is not a tokenizer: it is not JSON", e);
    } catch (IOException e) {
      throw new BadDataException(file + " cannot be read: " + e.getMessage(), e);
    }
    boolean usual = separator.isEmpty() || separator.equals(SEPARATOR_TEXT);
    if (usual && BytePairFile.isOurs(root)) {
      Tokenizer ours = BytePairTokenizer.of(BytePairFile.merges(root, file));
      if (Arrays.equals(ours.toJson(), json)) {
        return ours; // otherwise it has been changed since, and has another identity
      }
    }
    return HuggingFaceFile.tokenizer(json, root, separator, file);
  }
}
