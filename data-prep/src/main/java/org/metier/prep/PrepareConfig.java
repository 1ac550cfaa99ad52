package org.metier.prep;

import java.io.Serializable;
import java.util.List;
import org.metier.prep.document.SplitShares;
import org.metier.prep.pack.MixtureConfig;
import org.metier.prep.pack.PackingConfig;
import org.metier.prep.read.FieldPaths;
import org.metier.prep.read.ReadingConfig;
import org.metier.prep.tokenize.TokenizerConfig;

/**
 * The {@code prepare} section of a run: how text becomes token shards.
 *
 * @param input files of JSON, Parquet or text, or directories of them; any Hadoop file system
 * @param output directory that receives the tokenizer, the shards and their manifests
 * @param textField the field that holds the text, or the path to it, as {@code meta.text}
 * @param domainField the field that holds the domain tag, or the path to it
 * @param minCharacters shorter documents are dropped and counted
 * @param vocabSize entries of the byte-level BPE vocabulary, the 256 bytes and the separator
 *     included
 * @param tokenizer where the vocabulary comes from
 * @param sequenceLength tokens that a model sees at once
 * @param packing how documents become rows
 * @param mixture how much of each domain training sees
 * @param sequencesPerShard sequences in one Parquet shard, on average
 * @param heldOutShare share of the documents that only measure a model in the end
 * @param validationShare share of the documents that is looked at while a model trains; 0 for none
 * @param maxRejectedShare share of unreadable records above which the job stops
 * @param seed decides the split and the order, together with the documents alone
 * @param reading how files become records, and tags domains
 */
public record PrepareConfig(
    List<String> input,
    String output,
    String textField,
    String domainField,
    int minCharacters,
    int vocabSize,
    TokenizerConfig tokenizer,
    int sequenceLength,
    PackingConfig packing,
    MixtureConfig mixture,
    int sequencesPerShard,
    double heldOutShare,
    double validationShare,
    double maxRejectedShare,
    long seed,
    ReadingConfig reading)
    implements Serializable {

  public PrepareConfig {
    input = List.copyOf(input);
    require(!input.isEmpty(), "input must name at least one file or directory");
    requirePath("textField", textField);
    requirePath("domainField", domainField);
    require(minCharacters >= 1, "minCharacters must be at least 1, is " + minCharacters);
    require(
        vocabSize >= 257 && vocabSize <= 1 << 20,
        "vocabSize must be between 257 and 1048576, is " + vocabSize);
    require(sequenceLength >= 2, "sequenceLength must be at least 2, is " + sequenceLength);
    require(
        sequencesPerShard >= 1, "sequencesPerShard must be at least 1, is " + sequencesPerShard);
    require(
        heldOutShare > 0 && heldOutShare < 1,
        "heldOutShare must lie between 0 and 1, is " + heldOutShare);
    require(
        validationShare >= 0 && validationShare + heldOutShare < 1,
        "validationShare must be at least 0 and below 1 - heldOutShare, is " + validationShare);
    require(
        maxRejectedShare >= 0 && maxRejectedShare <= 1,
        "maxRejectedShare must lie between 0 and 1, is " + maxRejectedShare);
  }

  /** The splits and their shares. */
  public SplitShares splits() {
    return new SplitShares(validationShare, heldOutShare);
  }

  private static void requirePath(String key, String value) {
    try {
      FieldPaths.parse(value);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(key + " " + e.getMessage(), e);
    }
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
