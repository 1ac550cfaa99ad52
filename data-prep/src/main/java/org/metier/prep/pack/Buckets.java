package org.metier.prep.pack;

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.metier.prep.document.Document;
import org.metier.prep.document.DocumentCounts;
import org.metier.prep.document.Sha256;
import org.metier.prep.document.Split;

/**
 * How the documents are cut into buckets: a domain's documents by their identity, into as many
 * parts as its size asks for. The size is a property of the corpus, so that the result does not
 * depend on how many tasks work on it.
 */
public final class Buckets implements Serializable {
  private static final long serialVersionUID = 1L;

  /** About 16 million tokens. */
  private static final long BYTES_PER_BUCKET = 64L << 20;

  private final Map<String, Integer> domainIndex = new HashMap<>();
  private final List<Bucket> buckets = new ArrayList<>();
  private final int[][] firstOf; // [splits][domains + 1], index into buckets

  /**
   * Plans the buckets for so many documents.
   *
   * @param splits those that there are
   */
  public Buckets(List<String> domains, DocumentCounts counts, List<Split> splits, long seed) {
    this.firstOf = new int[Split.values().length][domains.size() + 1];
    for (Split split : splits) {
      int[] first = firstOf[split.ordinal()];
      for (int domain = 0; domain < domains.size(); domain++) {
        long bytes = counts.size(split, domains.get(domain)).bytes();
        int parts = (int) Math.max(1, (bytes + BYTES_PER_BUCKET - 1) / BYTES_PER_BUCKET);
        first[domain] = buckets.size();
        domainIndex.put(domains.get(domain), domain);
        for (int part = 0; part < parts; part++) {
          buckets.add(
              new Bucket(split, domain, bucketSeed(seed, split, domains.get(domain), part)));
        }
      }
      first[domains.size()] = buckets.size();
    }
  }

  private static long bucketSeed(long seed, Split split, String domain, int part) {
    String identity = seed + "/" + split.directory() + "/" + domain + "/" + part;
    byte[] digest = Sha256.digest().digest(identity.getBytes(StandardCharsets.UTF_8));
    return ByteBuffer.wrap(digest).getLong();
  }

  /** Number of the bucket of a document. */
  public int indexOf(Document document, Split split) {
    int domain = domainIndex.get(document.domain());
    int first = firstOf[split.ordinal()][domain];
    int parts = firstOf[split.ordinal()][domain + 1] - first;
    long uniform = document.low() >>> 32; // 32 bits
    return first + (int) (uniform * parts >>> 32);
  }

  public Bucket get(int index) {
    return buckets.get(index);
  }

  public int size() {
    return buckets.size();
  }
}
