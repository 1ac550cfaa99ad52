package org.metier.prep.tokenize;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.metier.prep.BadDataException;
import org.metier.prep.document.Sha256;

/**
 * Byte-level BPE. Ids 0–255 are the bytes, 256 is the separator {@value #SEPARATOR_TEXT} that
 * begins every document, {@code FIRST_MERGE + i} is what merge i makes. Every text comes back
 * exactly.
 *
 * <p>Safe for several threads; a loop over many texts should hold its own {@link #newEncoder()}.
 * Text that reads {@value #SEPARATOR_TEXT} is encoded as the text it is, never as the separator.
 */
public final class Tokenizer implements Serializable {
  private static final long serialVersionUID = 1L;

  public static final String SEPARATOR_TEXT = "<|endoftext|>";
  static final int BYTES = 256;
  static final int SEPARATOR = BYTES;
  static final int FIRST_MERGE = BYTES + 1;

  private final byte[][] bytesOf; // [vocabSize][]; the separator has none
  private final int[][] merges; // [vocabSize - FIRST_MERGE][2]
  private final PairTable mergedToken;
  private final String sha256;
  private transient Encoder encoder;

  private Tokenizer(List<int[]> merges, String sha256) {
    this.merges = merges.toArray(new int[0][]);
    this.sha256 = sha256;
    this.bytesOf = new byte[FIRST_MERGE + merges.size()][];
    this.mergedToken = new PairTable(merges.size());
    for (int b = 0; b < BYTES; b++) {
      bytesOf[b] = new byte[] {(byte) b};
    }
    bytesOf[SEPARATOR] = new byte[0];
    for (int i = 0; i < merges.size(); i++) {
      int left = merges.get(i)[0];
      int right = merges.get(i)[1];
      bytesOf[FIRST_MERGE + i] = concatenate(bytesOf[left], bytesOf[right]);
      mergedToken.put(PairTable.pair(left, right), FIRST_MERGE + i);
    }
  }

  /** The tokenizer of these merges, as {@link BpeTrainer} gives them. */
  public static Tokenizer of(List<int[]> merges) {
    // The file's bytes are a function of the merges, so its hash is known before it is written.
    byte[] file = TokenizerFile.toJson(new Tokenizer(merges, ""));
    return new Tokenizer(merges, Sha256.of(file));
  }

  /**
   * Reads a {@code tokenizer.json} that Metier wrote.
   *
   * @throws BadDataException if it is not there or is not such a file
   */
  public static Tokenizer load(Path file, Configuration hadoop) {
    byte[] json;
    try (InputStream in = file.getFileSystem(hadoop).open(file)) {
      json = in.readAllBytes();
    } catch (IOException e) {
      throw new BadDataException(file + " cannot be read: " + e.getMessage(), e);
    }
    return new Tokenizer(TokenizerFile.merges(json, file), Sha256.of(json));
  }

  /** Writes the tokenizer in the format of Hugging Face {@code tokenizers}. */
  public void save(Path file, Configuration hadoop) throws IOException {
    try (OutputStream out = file.getFileSystem(hadoop).create(file, true)) {
      out.write(TokenizerFile.toJson(this));
    }
  }

  /** Merges to learn for a vocabulary of this size. */
  public static int mergesFor(int vocabSize) {
    return vocabSize - FIRST_MERGE;
  }

  /** Number of ids: the bytes, the separator and the merges. */
  public int vocabSize() {
    return bytesOf.length;
  }

  /** Id of {@value #SEPARATOR_TEXT}. */
  public int separator() {
    return SEPARATOR;
  }

  /** An encoder for one thread that remembers the words it meets. */
  public Encoder newEncoder() {
    return new Encoder(mergedToken);
  }

  /** Token ids of a text, without separator. */
  public synchronized int[] encode(String text) {
    if (encoder == null) {
      encoder = newEncoder();
    }
    return encoder.encode(text.getBytes(StandardCharsets.UTF_8));
  }

  /** The text of token ids; separators leave no trace. */
  public String decode(int[] ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      bytes.writeBytes(bytesOf[id]);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /** Bytes of text that a token stands for; 0 for the separator. */
  public int byteLength(int id) {
    return bytesOf[id].length;
  }

  /** SHA-256 of the file's bytes, in hexadecimal. */
  public String sha256() {
    return sha256;
  }

  /** The bytes that a token stands for. */
  byte[] bytes(int id) {
    return bytesOf[id];
  }

  int[][] merges() {
    return merges;
  }

  private static byte[] concatenate(byte[] left, byte[] right) {
    byte[] both = java.util.Arrays.copyOf(left, left.length + right.length);
    System.arraycopy(right, 0, both, left.length, right.length);
    return both;
  }
}
