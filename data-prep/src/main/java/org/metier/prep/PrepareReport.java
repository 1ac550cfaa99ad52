package org.metier.prep;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What prepare has done. Records read are the documents kept and the rejected ones.
 *
 * @param recordsRead records met in the input: lines that are not blank, elements, rows, files of
 *     text
 * @param rejected records that are not documents, by reason
 * @param documents documents kept
 * @param domains one entry for each split and domain
 * @param tokenizer the vocabulary learned
 * @param secondsByStage wall-clock time, in the order of the stages
 * @param reused true if an earlier run had already left this result
 */
public record PrepareReport(
    long recordsRead,
    Map<String, Long> rejected,
    long documents,
    List<DomainCounts> domains,
    TokenizerSummary tokenizer,
    Map<String, Double> secondsByStage,
    boolean reused) {

  /**
   * One domain in one split.
   *
   * @param bytes of UTF-8 text
   * @param tokens with one separator for each document
   * @param sequences packed rows
   * @param droppedTokens tokens that did not fill a row
   */
  public record DomainCounts(
      String split,
      String domain,
      long documents,
      long bytes,
      long tokens,
      long sequences,
      long droppedTokens) {}

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
    secondsByStage = Collections.unmodifiableMap(new LinkedHashMap<>(secondsByStage));
  }

  /** The same report, of a run that found the work done. */
  PrepareReport asReused() {
    return new PrepareReport(
        recordsRead, rejected, documents, domains, tokenizer, secondsByStage, true);
  }
}
