package org.metier.prep.pack;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.metier.prep.BadDataException;
import org.metier.prep.document.Split;
import org.metier.prep.pack.MixtureConfig.Method;

/**
 * How often each row is written. A domain that is to have W of its A rows has every row W div A
 * times and W mod A of them, evenly spaced, once more: exact, and a function of the row's number
 * alone. Only the training split is mixed.
 *
 * <p>What a cap takes from a domain goes to those without, in proportion to their shares; a budget
 * is a domain's own and moves nowhere.
 */
public final class Mixture implements Serializable {
  private static final long serialVersionUID = 1L;

  private final long[]
      firstOf; // [buckets] number of the bucket's first row in its domain and split
  private final long[] available; // [buckets] rows
  private final long[] ofDomain; // [buckets] rows of its domain and split
  private final long[] wanted; // [buckets] rows that its domain and split is to have
  private final List<Share> shares;

  /**
   * One domain of the training split.
   *
   * @param asked tokens, before any cap
   * @param got tokens: whole rows
   * @param available tokens in all rows
   */
  public record Share(String domain, double asked, long got, long available)
      implements Serializable {
    /** How often a row is seen on average. */
    public double repeats() {
      return available == 0 ? 0 : (double) got / available;
    }
  }

  /**
   * @throws BadDataException if the domains of the configuration are not those of the corpus
   */
  public Mixture(
      MixtureConfig config,
      Buckets buckets,
      List<BucketCounts> packed,
      List<String> domains,
      int sequenceLength) {
    firstOf = new long[buckets.size()];
    available = new long[buckets.size()];
    ofDomain = new long[buckets.size()];
    wanted = new long[buckets.size()];
    long[][] rows = new long[Split.values().length][domains.size()];
    for (BucketCounts counts : packed) {
      Bucket bucket = buckets.get(counts.bucket());
      available[counts.bucket()] = counts.sequences();
      firstOf[counts.bucket()] = rows[bucket.split().ordinal()][bucket.domain()];
      rows[bucket.split().ordinal()][bucket.domain()] += counts.sequences();
    }
    long[] train = rows[Split.TRAIN.ordinal()];
    double[] asked = asked(config, domains, train, sequenceLength);
    long[] mixed = config.method() == Method.NATURAL ? train : capped(config, asked, train);
    for (int b = 0; b < buckets.size(); b++) {
      Bucket bucket = buckets.get(b);
      ofDomain[b] = rows[bucket.split().ordinal()][bucket.domain()];
      wanted[b] = bucket.split() == Split.TRAIN ? mixed[bucket.domain()] : ofDomain[b];
    }
    shares = new ArrayList<>();
    for (int d = 0; d < domains.size(); d++) {
      shares.add(
          new Share(
              domains.get(d),
              asked[d] * sequenceLength,
              mixed[d] * sequenceLength,
              train[d] * sequenceLength));
    }
  }

  /** [domains] rows asked for, not yet whole. */
  private static double[] asked(
      MixtureConfig config, List<String> domains, long[] train, int sequenceLength) {
    double[] asked = new double[train.length];
    double total = config.tokens() / (double) sequenceLength;
    if (config.tokens() == 0) {
      total = Arrays.stream(train).sum();
    }
    switch (config.method()) {
      case NATURAL -> Arrays.setAll(asked, d -> train[d]);
      case TEMPERATURE -> {
        Arrays.setAll(asked, d -> Math.pow(train[d], 1 / config.temperature()));
        scale(asked, total);
      }
      case SHARES -> {
        requireSame(config, domains);
        Arrays.setAll(asked, d -> config.domains().get(domains.get(d)));
        scale(asked, total);
      }
      case BUDGET -> {
        requireSame(config, domains);
        Arrays.setAll(asked, d -> config.domains().get(domains.get(d)) / sequenceLength);
      }
    }
    return asked;
  }

  private static void requireSame(MixtureConfig config, List<String> domains) {
    Set<String> unknown = new TreeSet<>(config.domains().keySet());
    domains.forEach(unknown::remove);
    if (!unknown.isEmpty()) {
      throw new BadDataException(
          "prepare.mixture.domains names %s, but the corpus has %s"
              .formatted(unknown.iterator().next(), String.join(", ", domains)));
    }
    for (String domain : domains) {
      if (!config.domains().containsKey(domain)) {
        throw new BadDataException(
            "prepare.mixture.domains does not name %s, which the corpus has; 0 leaves it out"
                .formatted(domain));
      }
    }
  }

  private static void scale(double[] weights, double total) {
    double sum = Arrays.stream(weights).sum();
    for (int d = 0; d < weights.length; d++) {
      weights[d] = sum == 0 ? 0 : weights[d] / sum * total;
    }
  }

  /** [domains] whole rows within the cap. */
  private static long[] capped(MixtureConfig config, double[] asked, long[] train) {
    double[] target = asked.clone();
    boolean[] full = new boolean[asked.length];
    boolean again = true;
    while (again) {
      again = false;
      double excess = 0;
      double open = 0;
      for (int d = 0; d < target.length; d++) {
        double cap = Math.floor(config.maxRepeats() * train[d]);
        if (!full[d] && target[d] > cap) {
          excess += target[d] - cap;
          target[d] = cap;
          full[d] = true;
        }
        open += full[d] ? 0 : target[d];
      }
      if (excess > 0 && open > 0 && config.method() != Method.BUDGET) {
        for (int d = 0; d < target.length; d++) {
          target[d] *= full[d] ? 1 : 1 + excess / open;
        }
        again = true;
      }
    }
    return whole(target, full);
  }

  /** Largest remainders, the first of those that are equal: the sum is exact to one row. */
  private static long[] whole(double[] target, boolean[] full) {
    long[] rows = new long[target.length];
    long missing = Math.round(Arrays.stream(target).sum());
    List<Integer> byRemainder = new ArrayList<>();
    for (int d = 0; d < target.length; d++) {
      rows[d] = (long) Math.floor(target[d]);
      missing -= rows[d];
      if (!full[d] && target[d] > 0) {
        byRemainder.add(d);
      }
    }
    byRemainder.sort((a, b) -> Double.compare(target[b] - rows[b], target[a] - rows[a]));
    for (int i = 0; i < missing && i < byRemainder.size(); i++) {
      rows[byRemainder.get(i)]++;
    }
    return rows;
  }

  /** How often row {@code index} of a bucket is written. */
  public long copies(int bucket, long index) {
    long rows = ofDomain[bucket];
    long every = wanted[bucket] / rows;
    long more = wanted[bucket] % rows;
    long inDomain = firstOf[bucket] + index;
    long before = Math.multiplyExact(inDomain, more) / rows;
    long after = Math.multiplyExact(inDomain + 1, more) / rows;
    return every + (after - before);
  }

  /** Number of the row's copy among all that a bucket could write: none has the same. */
  public long numberOf(int bucket, long index, long copy) {
    return copy * available[bucket] + index;
  }

  /** Rows that the domain and split of a bucket have after mixing. */
  public long sequencesOfDomain(int bucket) {
    return wanted[bucket];
  }

  /** Rows of a bucket before mixing. */
  long available(int bucket) {
    return available[bucket];
  }

  /** What each domain of the training split asked for and got, by name. */
  public List<Share> shares() {
    return shares;
  }
}
