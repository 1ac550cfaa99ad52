package org.metier.prep;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.metier.prep.PrepareReport.DomainCounts;
import org.metier.prep.PrepareReport.TokenizerSummary;
import org.metier.prep.document.DocumentCounts;
import org.metier.prep.document.Split;
import org.metier.prep.pack.Bucket;
import org.metier.prep.pack.BucketCounts;
import org.metier.prep.pack.Buckets;
import org.metier.prep.pack.Mixture;
import org.metier.prep.pack.ShardPlan;
import org.metier.prep.report.StepCounts;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardManifest.Shard;
import org.metier.prep.tokenize.Tokenizer;

/** Adds up what the stages have counted, for the manifests and the report. */
final class PreparedCounts {
  private final DocumentCounts documentCounts;
  private final Buckets buckets;
  private final List<BucketCounts> packed;
  private final Mixture mixture;
  private final List<String> domains;

  PreparedCounts(
      DocumentCounts documents, Buckets buckets, List<BucketCounts> packed, Mixture mixture) {
    this.documentCounts = documents;
    this.buckets = buckets;
    this.packed = packed;
    this.mixture = mixture;
    this.domains = documents.domains();
  }

  /**
   * The manifest of a split.
   *
   * @param shards of all splits, in the order of their numbers
   */
  ShardManifest manifest(
      Split split, PrepareConfig config, Tokenizer tokenizer, ShardPlan plan, List<Shard> shards) {
    Map<String, Long> tokens = new TreeMap<>();
    Map<String, Long> documents = new TreeMap<>();
    Map<String, Long> sequences = new TreeMap<>();
    Map<String, Long> packedSequences = new TreeMap<>();
    Map<String, Long> dropped = new TreeMap<>();
    Map<String, Long> padding = new TreeMap<>();
    for (DomainCounts domain : domainCounts(split)) {
      tokens.put(domain.domain(), domain.tokens());
      documents.put(domain.domain(), domain.documents());
      sequences.put(domain.domain(), domain.sequences());
      packedSequences.put(domain.domain(), domain.packedSequences());
      dropped.put(domain.domain(), domain.droppedTokens());
      padding.put(domain.domain(), domain.paddingTokens());
    }
    int first = plan.first(split);
    return new ShardManifest(
        ShardManifest.FORMAT_VERSION,
        split.directory(),
        config.sequenceLength(),
        tokenizer.vocabSize(),
        tokenizer.sha256(),
        tokenizer.separatorText(),
        domains,
        plan.sequences(split),
        shards.subList(first, first + plan.shards(split)),
        tokens,
        documents,
        sequences,
        packedSequences,
        dropped,
        padding,
        config.seed());
  }

  /** Documents that were packed, by domain. */
  Map<String, Long> documentsByDomain() {
    Map<String, Long> documents = new TreeMap<>();
    for (BucketCounts counts : packed) {
      String domain = domains.get(buckets.get(counts.bucket()).domain());
      documents.merge(domain, counts.documents(), Long::sum);
    }
    return documents;
  }

  /** The report. */
  PrepareReport report(
      StepCounts steps,
      List<Split> splits,
      Tokenizer tokenizer,
      Map<String, Double> secondsByStage) {
    Map<String, Long> rejected = new TreeMap<>();
    steps.rejected().forEach((reason, count) -> rejected.put(reason.label(), count));
    List<DomainCounts> counts = new ArrayList<>();
    long bytes = 0;
    long tokens = 0;
    for (Split split : splits) {
      for (DomainCounts domain : domainCounts(split)) {
        counts.add(domain);
        bytes += domain.bytes();
        tokens += domain.tokens() - domain.documents(); // separators stand for no text
      }
    }
    TokenizerSummary summary =
        new TokenizerSummary(tokenizer.vocabSize(), tokenizer.sha256(), (double) bytes / tokens);
    return new PrepareReport(
        steps.records(),
        rejected,
        documentCounts.total().documents(),
        counts,
        mixture.shares(),
        summary,
        secondsByStage,
        false);
  }

  private List<DomainCounts> domainCounts(Split split) {
    List<DomainCounts> result = new ArrayList<>();
    for (int domain = 0; domain < domains.size(); domain++) {
      long documents = 0;
      long tokens = 0;
      long packedSequences = 0;
      long sequences = 0;
      long dropped = 0;
      long padding = 0;
      for (BucketCounts counts : packed) {
        Bucket bucket = buckets.get(counts.bucket());
        if (bucket.split() == split && bucket.domain() == domain) {
          documents += counts.documents();
          tokens += counts.tokens();
          packedSequences += counts.sequences();
          sequences = mixture.sequencesOfDomain(counts.bucket());
          dropped += counts.droppedTokens();
          padding += counts.paddingTokens();
        }
      }
      String name = domains.get(domain);
      long bytes = documentCounts.size(split, name).bytes();
      result.add(
          new DomainCounts(
              split.directory(),
              name,
              documents,
              bytes,
              tokens,
              packedSequences,
              sequences,
              dropped,
              padding));
    }
    return result;
  }
}
