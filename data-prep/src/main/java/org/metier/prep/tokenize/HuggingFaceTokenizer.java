package org.metier.prep.tokenize;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.ByteArrayOutputStream;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.hadoop.fs.Path;
import org.metier.prep.BadDataException;
import org.metier.prep.document.Sha256;

/**
 * A {@code tokenizer.json} of any origin, encoded by Hugging Face {@code tokenizers} itself through
 * DJL's binding. Whether a text comes back exactly is up to the file: a byte-level vocabulary gives
 * every text back, one that normalises does not.
 */
public final class HuggingFaceTokenizer implements Tokenizer {
  private static final long serialVersionUID = 1L;
  private static final Cleaner CLEANER = Cleaner.create();

  private final byte[] json;
  private final byte[] forEncoding;
  private final byte[][] bytesOf; // [vocabSize][]; special tokens and unused ids have none
  private final boolean byteLevel;
  private final int separator;
  private final String separatorText;
  private final String sha256;
  private transient Native library; // loaded by the first use in a process

  /**
   * @param forEncoding the file as the library is to read it
   * @param byteLevel true if the bytes of tokens, one after the other, are the text
   */
  HuggingFaceTokenizer(
      byte[] json,
      byte[] forEncoding,
      byte[][] bytesOf,
      boolean byteLevel,
      int separator,
      String separatorText) {
    this.json = json;
    this.forEncoding = forEncoding;
    this.bytesOf = bytesOf;
    this.byteLevel = byteLevel;
    this.separator = separator;
    this.separatorText = separatorText;
    this.sha256 = Sha256.of(json);
  }

  /** The library's tokenizer; safe for several threads. */
  private record Native(long handle) implements Runnable {
    int[] encode(String text) {
      long encoding = TokenizersLibrary.LIB.encode(handle, text, false);
      try {
        long[] ids = TokenizersLibrary.LIB.getTokenIds(encoding);
        int[] result = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
          result[i] = (int) ids[i];
        }
        return result;
      } finally {
        TokenizersLibrary.LIB.deleteEncoding(encoding);
      }
    }

    @Override
    public void run() {
      TokenizersLibrary.LIB.deleteTokenizer(handle);
    }
  }

  private synchronized Native library() {
    if (library == null) {
      LibUtils.checkStatus();
      String file = new String(forEncoding, StandardCharsets.UTF_8);
      library = new Native(TokenizersLibrary.LIB.createTokenizerFromString(file));
      CLEANER.register(this, library);
    }
    return library;
  }

  /**
   * @throws BadDataException if the library does not take the file
   */
  void requireUsable(Path file) {
    try {
      library();
    } catch (RuntimeException e) {
      String message = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
      throw new BadDataException(file + " is not a tokenizer: " + message, e);
    }
  }

  @Override
  public Encoder newEncoder() {
    library();
    return this::encode;
  }

  private int[] encode(byte[] utf8, int length, int[] prefix) {
    try {
      int[] ids = library().encode(new String(utf8, 0, length, StandardCharsets.UTF_8));
      return prefix.length == 0 ? ids : concatenate(prefix, ids);
    } finally {
      Reference.reachabilityFence(this); // the library's tokenizer goes with this one
    }
  }

  static int[] concatenate(int[] prefix, int[] ids) {
    int[] both = Arrays.copyOf(prefix, prefix.length + ids.length);
    System.arraycopy(ids, 0, both, prefix.length, ids.length);
    return both;
  }

  @Override
  public String decode(int[] ids) {
    if (byteLevel) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      for (int id : ids) {
        bytes.writeBytes(bytesOf[id]);
      }
      return bytes.toString(StandardCharsets.UTF_8);
    }
    long[] wide = Arrays.stream(ids).asLongStream().toArray();
    try {
      return TokenizersLibrary.LIB.decode(library().handle, wide, true);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  @Override
  public int vocabSize() {
    return bytesOf.length;
  }

  @Override
  public String separatorText() {
    return separatorText;
  }

  @Override
  public int separator() {
    return separator;
  }

  @Override
  public int byteLength(int id) {
    return bytesOf[id].length;
  }

  @Override
  public byte[] toJson() {
    return json.clone();
  }

  @Override
  public String sha256() {
    return sha256;
  }
}
