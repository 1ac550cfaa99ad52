package org.metier.prep;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.metier.prep.pack.Mixture;

/**
 * What prepare has done. Records read are the documents kept and the rejected ones.
 *
 * @param recordsRead records met in the input: lines that are not blank, elements, rows, files of
 *     text
 * @param rejected records that are not documents, by reason
 * @param documents documents kept
 * @param domains one entry for each split and domain
 * @param mixture what each domain of the training split asked for and got
 * @param tokenizer the vocabulary
 * @param secondsByStage wall-clock time, in the order of the stages
 * @param reused true if an earlier run had already left this result
 */
public record PrepareReport(
    long recordsRead,
    Map<String, Long> rejected,
    long documents,
    List<DomainCounts> domains,
    List<Mixture.Share> mixture,
    TokenizerSummary tokenizer,
    Map<String, Double> secondsByStage,
    boolean reused) {

  /**
   * One domain in one split.
   *
   * @param bytes of UTF-8 text
   * @param tokens with one separator for each document
   * @param packedSequences rows, each once
   * @param sequences rows in the shards, as often as the mixture has them
   * @param droppedTokens tokens that are in no row
   * @param paddingTokens inputs of the packed rows that stand for no token
   */
  public record DomainCounts(
      String split,
      String domain,
      long documents,
      long bytes,
      long tokens,
      long packedSequences,
      long sequences,
      long droppedTokens,
      long paddingTokens) {}

  /**
   * The tokenizer.
   *
   * @param vocabSize ids, the bytes and the separator included; smaller than asked for if the
   *     corpus has no more pairs that occur twice
   * @param bytesPerToken of all documents
   */
  public record TokenizerSummary(int vocabSize, String sha256, double bytesPerToken) {}

  public PrepareReport {
    rejected = Collections.unmodifiableMap(new TreeMap<>(rejected));
    domains = List.copyOf(domains);
    mixture = List.copyOf(mixture);
    secondsByStage = Collections.unmodifiableMap(new LinkedHashMap<>(secondsByStage));
  }

  /** The same report, of a run that found the work done. */
  PrepareReport asReused() {
    return new PrepareReport(
        recordsRead, rejected, documents, domains, mixture, tokenizer, secondsByStage, true);
  }
}
