package org.metier.prep.tokenize;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.IntArrayList;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.metier.prep.document.Sha256;

/**
 * A published encoding of tiktoken, by JTokkit, which has the vocabularies with it. It is written
 * as a {@code tokenizer.json} that gives the same ids.
 */
public final class TiktokenTokenizer implements Tokenizer {
  private static final long serialVersionUID = 1L;

  private final String name;
  private final String sha256;
  private transient Encoding encoding; // both made by the first use in a process
  private transient byte[][] bytesOf;

  private TiktokenTokenizer(String name, String sha256) {
    this.name = name;
    this.sha256 = sha256;
  }

  /**
   * The encoding of a name.
   *
   * @param name one that {@link TokenizerConfig} takes
   */
  public static TiktokenTokenizer of(String name) {
    byte[] json = new TiktokenTokenizer(name, "").toJson();
    return new TiktokenTokenizer(name, Sha256.of(json));
  }

  private Tiktoken facts() {
    return Tiktoken.of(name);
  }

  private synchronized Encoding encoding() {
    if (encoding == null) {
      encoding = Encodings.newLazyEncodingRegistry().getEncoding(name).orElseThrow();
    }
    return encoding;
  }

  /** [vocabSize][] bytes of each id; none for special tokens and unused ids. */
  synchronized byte[][] bytesOf() {
    if (bytesOf == null) {
      Tiktoken facts = facts();
      bytesOf = new byte[facts.vocabSize()][];
      IntArrayList one = new IntArrayList(1);
      for (int id = 0; id < bytesOf.length; id++) {
        boolean rank = id < facts.ranks() && !facts.specialTokens().containsValue(id);
        one.clear();
        one.add(id);
        bytesOf[id] = rank ? encoding().decodeBytes(one) : new byte[0];
      }
    }
    return bytesOf;
  }

  @Override
  public Encoder newEncoder() {
    Encoding ordinary = encoding();
    return (utf8, length, prefix) -> {
      String text = new String(utf8, 0, length, StandardCharsets.UTF_8);
      return HuggingFaceTokenizer.concatenate(prefix, ordinary.encodeOrdinary(text).toArray());
    };
  }

  @Override
  public String decode(int[] ids) {
    byte[][] bytes = bytesOf();
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    for (int id : ids) {
      text.writeBytes(bytes[id]);
    }
    return text.toString(StandardCharsets.UTF_8);
  }

  @Override
  public int vocabSize() {
    return facts().vocabSize();
  }

  @Override
  public String separatorText() {
    return SEPARATOR_TEXT;
  }

  @Override
  public int separator() {
    return facts().separator();
  }

  @Override
  public int byteLength(int id) {
    return bytesOf()[id].length;
  }

  @Override
  public byte[] toJson() {
    return TiktokenFile.toJson(facts(), bytesOf());
  }

  @Override
  public String sha256() {
    return sha256;
  }
}
