package org.metier.prep.tokenize;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.metier.prep.document.Sha256;

/**
 * Byte-level BPE as Metier trains it. Ids 0–255 are the bytes, 256 is the separator {@value
 * Tokenizer#SEPARATOR_TEXT}, {@code FIRST_MERGE + i} is what merge i makes. Every text comes back
 * exactly. Without merges it is the tokenizer of plain bytes.
 */
public final class BytePairTokenizer implements Tokenizer {
  private static final long serialVersionUID = 1L;

  static final int BYTES = 256;
  static final int SEPARATOR = BYTES;
  static final int FIRST_MERGE = BYTES + 1;

  private final byte[][] bytesOf; // [vocabSize][]; the separator has none
  private final int[][] merges; // [vocabSize - FIRST_MERGE][2]
  private final PairTable mergedToken;
  private final String sha256;
  private transient Encoder encoder;

  private BytePairTokenizer(List<int[]> merges, String sha256) {
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
  public static BytePairTokenizer of(List<int[]> merges) {
    // The file's bytes are a function of the merges, so its hash is known before it is written.
    byte[] file = BytePairFile.toJson(new BytePairTokenizer(merges, ""));
    return new BytePairTokenizer(merges, Sha256.of(file));
  }

  /** The tokenizer that knows bytes alone. */
  public static BytePairTokenizer ofBytes() {
    return of(List.of());
  }

  /** Merges to learn for a vocabulary of this size. */
  public static int mergesFor(int vocabSize) {
    return vocabSize - FIRST_MERGE;
  }

  @Override
  public int vocabSize() {
    return bytesOf.length;
  }

  @Override
  public String separatorText() {
    return SEPARATOR_TEXT;
  }

  @Override
  public int separator() {
    return SEPARATOR;
  }

  /** An encoder for one thread that remembers the words it meets. */
  @Override
  public Encoder newEncoder() {
    return new BytePairEncoder(mergedToken);
  }

  @Override
  public synchronized int[] encode(String text) {
    if (encoder == null) {
      encoder = newEncoder();
    }
    return encoder.encode(text.getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public String decode(int[] ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      bytes.writeBytes(bytesOf[id]);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Override
  public int byteLength(int id) {
    return bytesOf[id].length;
  }

  @Override
  public byte[] toJson() {
    return BytePairFile.toJson(this);
  }

  @Override
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
    byte[] both = Arrays.copyOf(left, left.length + right.length);
    System.arraycopy(right, 0, both, left.length, right.length);
    return both;
  }
}
