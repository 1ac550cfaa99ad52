package org.metier.prep.shard;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ChecksumException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.metier.prep.BadDataException;
import org.metier.prep.FirstAccess;
import org.metier.prep.document.Sha256;
import org.metier.prep.tokenize.Tokenizer;

/**
 * What a split's directory holds, in {@value #FILE}. Positions run through the shards in order.
 *
 * @param formatVersion of shards and manifest
 * @param split {@code train}, {@code validation} or {@code held-out}
 * @param sequenceLength T: a row has T + 1 tokens
 * @param vocabSize ids of the tokenizer
 * @param tokenizerSha256 of {@code tokenizer.json}
 * @param separator text of the token that begins each document
 * @param domains names, sorted; the same list in every split of a corpus
 * @param sequences rows in all shards
 * @param shards in order of position
 * @param tokensByDomain separators included, before packing
 * @param documentsByDomain documents of this split
 * @param sequencesByDomain rows in the shards, repeated ones as often as they are there
 * @param packedSequencesByDomain rows before the mixture, each once
 * @param droppedTokensByDomain tokens that are in no row, before the mixture
 * @param paddingTokensByDomain inputs that stand for no token, before the mixture
 * @param seed of split and order
 */
public record ShardManifest(
    int formatVersion,
    String split,
    int sequenceLength,
    int vocabSize,
    String tokenizerSha256,
    String separator,
    List<String> domains,
    long sequences,
    List<Shard> shards,
    Map<String, Long> tokensByDomain,
    Map<String, Long> documentsByDomain,
    Map<String, Long> sequencesByDomain,
    Map<String, Long> packedSequencesByDomain,
    Map<String, Long> droppedTokensByDomain,
    Map<String, Long> paddingTokensByDomain,
    long seed)
    implements Serializable {

  public static final String FILE = "manifest.json";

  /** The version that this code writes and reads. */
  public static final int FORMAT_VERSION = ShardSchema.FORMAT_VERSION;

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
          .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
          .build();

  /**
   * One file.
   *
   * @param file its name in the split's directory
   * @param sequences rows
   * @param bytes size
   * @param sha256 of its bytes
   */
  public record Shard(String file, long sequences, long bytes, String sha256)
      implements Serializable {}

  public ShardManifest {
    domains = List.copyOf(domains);
    shards = List.copyOf(shards);
    tokensByDomain = sorted(tokensByDomain);
    documentsByDomain = sorted(documentsByDomain);
    sequencesByDomain = sorted(sequencesByDomain);
    packedSequencesByDomain = sorted(packedSequencesByDomain);
    droppedTokensByDomain = sorted(droppedTokensByDomain);
    paddingTokensByDomain = sorted(paddingTokensByDomain);
  }

  private static Map<String, Long> sorted(Map<String, Long> counts) {
    return Collections.unmodifiableMap(new TreeMap<>(counts));
  }

  /**
   * Reads a split's manifest and checks the format version and that every shard is there with its
   * size. The hashes are checked by {@link #verify} and when {@link ShardReader} opens a shard.
   *
   * @throws BadDataException if something of that is not so
   */
  public static ShardManifest read(Path splitDirectory, Configuration hadoop) {
    Path file = new Path(splitDirectory, FILE);
    ShardManifest manifest;
    try {
      FirstAccess.check(splitDirectory, hadoop);
    } catch (IOException e) {
      throw new BadDataException(splitDirectory + ": " + e.getMessage(), e);
    }
    try (InputStream in = file.getFileSystem(hadoop).open(file)) {
      manifest = parse(in.readAllBytes(), file);
    } catch (FileNotFoundException e) {
      throw new BadDataException(file + " does not exist: not a split that prepare wrote", e);
    } catch (IOException e) {
      throw new BadDataException(file + " cannot be read: " + oneLine(e), e);
    }
    manifest.checkItself(file);
    manifest.checkSizes(splitDirectory, hadoop);
    return manifest;
  }

  private static ShardManifest parse(byte[] json, Path file) throws IOException {
    try {
      int version = JSON.readTree(json).path("formatVersion").asInt(-1);
      if (version != FORMAT_VERSION) {
        throw new BadDataException(
            file + " has format version " + version + ", this code reads " + FORMAT_VERSION);
      }
      return JSON.readValue(json, ShardManifest.class);
    } catch (JsonProcessingException e) {
      throw new BadDataException(file + " is not a manifest: " + e.getOriginalMessage(), e);
    }
  }

  private void checkItself(Path file) {
    long sum = 0;
    for (Shard shard : shards) {
      sum += shard.sequences;
    }
    if (sum != sequences) {
      throw new BadDataException(
          file + " says " + sequences + " sequences, its shards have " + sum);
    }
    if (sequenceLength < 1 || vocabSize < 1 || domains.isEmpty()) {
      throw new BadDataException(file + " has no sequence length, vocabulary size or domains");
    }
  }

  private void checkSizes(Path splitDirectory, Configuration hadoop) {
    for (Shard shard : shards) {
      Path file = new Path(splitDirectory, shard.file);
      long bytes;
      try {
        bytes = file.getFileSystem(hadoop).getFileStatus(file).getLen();
      } catch (FileNotFoundException e) {
        throw new BadDataException(file + " does not exist, but the manifest names it", e);
      } catch (IOException e) {
        throw new BadDataException(file + " cannot be read: " + oneLine(e), e);
      }
      if (bytes != shard.bytes) {
        throw new BadDataException(
            file + " has " + bytes + " bytes, the manifest says " + shard.bytes);
      }
    }
  }

  /**
   * Checks size and SHA-256 of every shard.
   *
   * @throws BadDataException naming the first shard that is not as it was written
   */
  public void verify(Path splitDirectory, Configuration hadoop) {
    checkSizes(splitDirectory, hadoop);
    for (Shard shard : shards) {
      Path file = new Path(splitDirectory, shard.file);
      try {
        requireHash(shard, file, sha256(file, hadoop));
      } catch (IOException e) {
        throw new BadDataException(file + " cannot be read: " + oneLine(e), e);
      }
    }
  }

  /** True if a shard's file is there with the bytes that were written. */
  public static boolean isIntact(Path splitDirectory, Shard shard, Configuration hadoop)
      throws IOException {
    Path file = new Path(splitDirectory, shard.file);
    FileSystem fileSystem = file.getFileSystem(hadoop);
    try {
      return fileSystem.getFileStatus(file).getLen() == shard.bytes
          && sha256(file, hadoop).equals(shard.sha256);
    } catch (FileNotFoundException | ChecksumException e) { // the second is a local file system's
      return false;
    }
  }

  private static String sha256(Path file, Configuration hadoop) throws IOException {
    MessageDigest digest = Sha256.digest();
    try (InputStream in = file.getFileSystem(hadoop).open(file)) {
      byte[] buffer = new byte[1 << 18];
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        digest.update(buffer, 0, read);
      }
    }
    return Sha256.hex(digest.digest());
  }

  static void requireHash(Shard shard, Path file, String actual) {
    if (!actual.equals(shard.sha256)) {
      throw new BadDataException(
          file + " is corrupt: its SHA-256 is " + actual + ", the manifest says " + shard.sha256);
    }
  }

  /**
   * The tokenizer that these shards were written with.
   *
   * @param file {@code tokenizer.json}
   * @throws BadDataException if it is another
   */
  public Tokenizer tokenizer(Path file, Configuration hadoop) {
    Tokenizer tokenizer = Tokenizer.load(file, separator, hadoop);
    requireTokenizer(tokenizer, file);
    return tokenizer;
  }

  /**
   * Checks that these shards were written with this tokenizer.
   *
   * @param tokenizerFile where it was read, for the message
   * @throws BadDataException if not
   */
  public void requireTokenizer(Tokenizer tokenizer, Path tokenizerFile) {
    if (tokenizer.vocabSize() != vocabSize) {
      throw new BadDataException(
          String.format(
              "%s has %d tokens, the %s manifest was written with %d",
              tokenizerFile, tokenizer.vocabSize(), split, vocabSize));
    }
    if (!tokenizer.sha256().equals(tokenizerSha256)) {
      throw new BadDataException(
          String.format(
              "%s is not the tokenizer of the %s shards: its SHA-256 is %s, the manifest says %s",
              tokenizerFile, split, tokenizer.sha256(), tokenizerSha256));
    }
  }

  /** Writes the manifest; the same content gives the same bytes. */
  public void write(Path splitDirectory, Configuration hadoop) throws IOException {
    DefaultIndenter lines = new DefaultIndenter("  ", "\n");
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter().withObjectIndenter(lines).withArrayIndenter(lines);
    FileSystem fileSystem = splitDirectory.getFileSystem(hadoop);
    try (OutputStream out = fileSystem.create(new Path(splitDirectory, FILE), true)) {
      out.write(JSON.writer(printer).writeValueAsBytes(this));
    }
  }

  static String oneLine(Exception e) {
    String message = String.valueOf(e.getMessage());
    return message.lines().findFirst().orElse(e.getClass().getSimpleName());
  }
}
