package org.metier.prep;

import java.io.Serializable;
import java.util.List;
import org.metier.prep.clean.CleaningConfig;
import org.metier.prep.dedup.DeduplicationConfig;

/**
 * The {@code prepare} section of a run: how text becomes token shards.
 *
 * @param input JSONL files, or directories of them; any Hadoop file system
 * @param output directory that receives the tokenizer, the shards and their manifests
 * @param textField name of the JSON field that holds the text
 * @param domainField name of the JSON field that holds the domain tag
 * @param minCharacters shorter documents are dropped and counted
 * @param cleaning what is done to the text of each document, and which documents are dropped
 * @param deduplication which documents say the same, and what becomes of them
 * @param vocabSize entries of the byte-level BPE vocabulary, the 256 bytes and the separator
 *     included
 * @param sequenceLength tokens that a model sees at once
 * @param sequencesPerShard sequences in one Parquet shard, on average
 * @param heldOutShare share of the documents that training never sees
 * @param maxRejectedShare share of unreadable records above which the job stops
 * @param seed decides the split and the order, together with the documents alone
 */
public record PrepareConfig(
    List<String> input,
    String output,
    String textField,
    String domainField,
    int minCharacters,
    CleaningConfig cleaning,
    DeduplicationConfig deduplication,
    int vocabSize,
    int sequenceLength,
    int sequencesPerShard,
    double heldOutShare,
    double maxRejectedShare,
    long seed)
    implements Serializable {

  public PrepareConfig {
    input = List.copyOf(input);
    require(!input.isEmpty(), "input must name at least one file or directory");
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
        maxRejectedShare >= 0 && maxRejectedShare <= 1,
        "maxRejectedShare must lie between 0 and 1, is " + maxRejectedShare);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
