package org.metier.prep.tokenize;

import java.io.Serializable;

/**
 * Where the tokenizer comes from.
 *
 * @param source see {@link Source}
 * @param file {@code tokenizer.json} for {@code source = file}; any Hadoop file system
 * @param separator text of the token of {@code file} that separates documents; empty means the
 *     usual name that the file has
 * @param encoding tiktoken's name of it for {@code source = tiktoken}
 */
public record TokenizerConfig(Source source, String file, String separator, String encoding)
    implements Serializable {

  /** Origins of a tokenizer. */
  public enum Source {
    /** Byte-level BPE learned from the training text, {@code prepare.vocabSize} tokens. */
    TRAINED,
    /** A {@code tokenizer.json} that exists. */
    FILE,
    /** A published encoding of tiktoken. */
    TIKTOKEN,
    /** The 256 bytes and a separator. */
    BYTES
  }

  public TokenizerConfig {
    if (source == Source.FILE && file.isBlank()) {
      throw new IllegalArgumentException("file must name a tokenizer.json if source = file");
    }
    if (!Tiktoken.names().contains(encoding)) {
      throw new IllegalArgumentException(
          "encoding must be one of " + String.join(", ", Tiktoken.names()) + ", is " + encoding);
    }
  }

  /** One that is learned from the text. */
  public static TokenizerConfig trained() {
    return new TokenizerConfig(Source.TRAINED, "", "", "cl100k_base");
  }
}
